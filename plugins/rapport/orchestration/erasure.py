"""Erasure: ``rapport erase`` and the DAG's task, which do the same thing."""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rapport.errors import ErasureError, SettingsError
from rapport.settings import Settings

if TYPE_CHECKING:  # the DAG's file, which is read every few minutes, needs nothing of it
    from rapport.erasure import Destination, Place, Report
    from rapport.sources.declared import Declared
    from rapport.tombstones import Tombstones

logger = logging.getLogger(__name__)

# Destinations whose records are the vendor's own: it deletes them, and takes them off our lists.
FORGETFUL = ("hubspot", "klaviyo")
LETS_A_NIGHT_END, ASKS_AGAIN = timedelta(hours=4), timedelta(seconds=30)
LOGS = "logs"  # in the archive: rapport.orchestration.logs, which no shell may load


def all_places(settings: Settings, there: "Declared", *, in_airflow: bool = False) -> "list[Place]":
    """Return every place there is, of the home and beside it, in the order it is looked at.

    Args:
        settings: where all is.
        there: what the firm has.
        in_airflow: a task asks, so that there is a database of Airflow somewhere.
    """
    from rapport.erasure import places_of
    from rapport.orchestration.connections import bi_connection

    found = [*places_of(settings, there), *_account(settings), *_airflow(settings, in_airflow)]
    if settings.archive:
        found += _archive(settings)
    if connection := bi_connection():
        found.append(_postgres(settings, connection))
    return found


def forgetful(by_hand: Collection[str] = ()) -> "Mapping[str, Destination]":
    """Return the destinations that forget people when told, as far as there are connections."""
    from rapport.erasure.destinations import HubSpotForgets, KlaviyoForgets
    from rapport.orchestration.connections import activation_connection, is_connected

    found: dict[str, Destination] = {}
    for kind in (HubSpotForgets, KlaviyoForgets):
        if kind.name in by_hand:
            found[kind.name] = _ByHand(kind.name)
        elif is_connected(f"activate_{kind.name}"):
            found[kind.name] = kind(activation_connection(kind.name))
    return found


class _ByHand:
    """A destination in which a person has deleted them, on that person's word."""

    def __init__(self, name: str) -> None:
        self.name = name

    def erase(self, record_ids: Sequence[str]) -> None:
        logger.info("%s: %s records were deleted by hand", self.name, len(record_ids))

    def remaining(self, record_ids: Sequence[str]) -> list[str]:
        return []


# -- places that other parts of Rapport keep -------------------------------------------------------


def _account(settings: Settings) -> "list[Place]":
    """Whom destinations have from us; whoever is on one still is taken off it first."""
    from rapport.activation.account import FILE, opened
    from rapport.erasure import Place
    from rapport.erasure.people import PERSONS

    if not (settings.activation_dir / FILE).is_file():
        return []

    def theirs(tombstones: "Tombstones") -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
        """Customer and key of each row, and of those that a destination has."""
        with opened(settings.activation_dir) as account:
            rows = account.query("select distinct destination, customer_id, key from rows")
            there = account.query(
                "select destination, customer_id, key from standing "
                "union select destination, customer_id, key from perhaps"
            )
            drift = account.query("select distinct destination, '' as customer_id, key from drift")
        found = {
            (row["customer_id"], row["key"])
            for row in [*rows, *drift]
            if tombstones.has_customer(row["customer_id"])
            or (
                row["destination"] in PERSONS
                and tombstones.has_record(PERSONS[row["destination"]].full_name, row["key"])
            )
        }
        on = {
            (row["customer_id"], row["key"]) for row in there if row["destination"] not in FORGETFUL
        }
        return found, found & on

    def count(tombstones: "Tombstones") -> int:
        return len(theirs(tombstones)[0])

    def forget(tombstones: "Tombstones") -> None:
        found, on = theirs(tombstones)
        gone = found - on
        with opened(settings.activation_dir) as account:
            account.forget({customer for customer, _ in gone if customer}, {key for _, key in gone})

    return [
        Place(
            "account of activation",
            "rows",
            count,
            forget,
            "whoever is at a webhook or in files stays in it until the next activation has taken "
            "them off; then ask again",
        )
    ]


def _airflow(settings: Settings, in_airflow: bool) -> "list[Place]":
    """Airflow's database: the home's own, or where ``rapport_airflow`` leads.

    Airflow itself tells no task where it is (``block_orm_access`` of its supervisor).
    """
    from rapport.erasure import Place
    from rapport.erasure.metadata import Metadata
    from rapport.orchestration.connections import is_connected, source_connection

    own = settings.airflow_home / "airflow.db"
    if is_connected("airflow"):
        database = Metadata(source_connection("airflow").url)
    elif own.exists():
        database = Metadata(f"sqlite:///{own}")
    elif in_airflow:
        note = "nobody may look into it: make the connection rapport_airflow, then ask again"
        return [Place("Airflow's database", "unread", lambda _: 1, lambda _: None, note)]
    else:
        return []
    return [Place("Airflow's database", "fields", database.count, database.erase)]


def _archive(settings: Settings) -> "list[Place]":
    from rapport.archive import Store, count_stale, erase_from_archive
    from rapport.erasure import Place, texts

    store = Store(str(settings.archive))
    versions = (
        "with their older versions, where it keeps any"
        if store.tells_versions
        else "older versions, if it keeps any, are not looked at: remove them there"
    )

    def requests(tombstones: "Tombstones") -> frozenset[str]:
        return frozenset(each.request for each in tombstones.all)

    def logs() -> list[str]:
        return [f"{LOGS}/{name}" for name in sorted(store.sizes(LOGS))]

    def mentions(log: bytes, tombstones: "Tombstones") -> int:
        return sum(1 for _ in texts.found_in(log, tombstones))

    def count_logs(tombstones: "Tombstones") -> int:
        said = (log for _, log in store.contents(logs()))
        was = (log for _, _, log in store.old_contents(LOGS))
        return sum(mentions(log, tombstones) for log in chain(said, was))

    def erase_from_logs(tombstones: "Tombstones") -> None:
        for name, log in store.contents(logs()):
            changed = texts.scrubbed_bytes(log, tombstones)
            if changed is not log:
                store.write(name, changed)
        store.remove_versions(
            (name, version)
            for name, version, log in store.old_contents(LOGS)
            if mentions(log, tombstones)
        )

    return [
        Place(
            "archive",
            "objects",
            lambda tombstones: count_stale(settings, store, requests(tombstones)),
            lambda tombstones: erase_from_archive(settings, store, requests(tombstones)),
            versions,
        ),
        Place(
            "tasks' logs in the archive",
            "mentions",
            count_logs,
            erase_from_logs,
            versions,
        ),
    ]


def _postgres(settings: Settings, connection: Any) -> "Place":
    from rapport import bi
    from rapport.erasure import Place

    return Place(
        "Postgres for BI",
        "customers",
        lambda tombstones: sum(
            tombstones.has_customer(id_, night) for id_, night in bi.customers_held(connection)
        ),
        lambda _: bi.load(
            connection,
            settings.releases_dir,
            memory_limit=settings.memory_limit,
            threads=settings.threads,
        ),
        "follows the releases; a schema that somebody reads goes with the next load",
    )


# -- the command and the task ----------------------------------------------------------------------


def erase_command(
    customer_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Theirs, or ids that they had; none to finish what is open."),
    ] = None,
    request: Annotated[
        Path | None, typer.Option(help="A file of ids, one a line; # begins a remark.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and change nothing.")] = False,
    by_hand: Annotated[
        list[str] | None,
        typer.Option(help="A destination in which you deleted them: hubspot, klaviyo."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """Erase customers everywhere, for good, and keep them from coming back.

    What was interrupted is finished too. The same request again changes nothing and shows the same
    report. Exits with 1 as long as something of them is anywhere.
    """
    from rapport.erasure import erase
    from rapport.orchestration import embedded
    from rapport.orchestration.activate import speak_as_a_task_would
    from rapport.sources.declared import declared

    settings = Settings.from_env()
    speak_as_a_task_would(settings, embedded.ports_in_use(settings))
    there = declared(settings, lambda _: True)
    reports = erase(
        settings,
        wanted(customer_ids or (), request),
        places=all_places(settings, there),
        destinations=forgetful(by_hand or ()),
        declared=there,
        dry_run=dry_run,
    )
    if as_json:
        typer.echo(json.dumps([report.as_json() for report in reports], indent=2))
    for report in () if as_json else reports:
        _show(report, dry_run)
    if not reports:
        typer.echo("nobody is named, and nothing is open")
    raise typer.Exit(0 if dry_run or not any(report.open for report in reports) else 1)


def erase_people() -> dict[str, Any]:
    """Erase whom the run's parameters name, and what is open; return counts by place.

    That something is left is no error here: activation, which may be what it waits for, follows
    whatever this task releases.

    Raises:
        AirflowRescheduleException: a night is between its build and its end.
        AirflowSkipException: nobody is named and nothing is open, or it was only counted; then the
            counts are there all the same.
        ErasureError: somebody is not known, or a place could not be gone through.
    """
    from airflow.sdk import get_current_context
    from airflow.sdk.exceptions import AirflowSkipException

    from rapport.erasure import erase
    from rapport.orchestration.connections import declared_sources
    from rapport.orchestration.failures import no_retry_when_hopeless

    settings, context = Settings.from_env(), get_current_context()
    params = context.get("params") or {}
    path = params.get("request_file")
    if not params.get("dry_run"):
        _let_a_night_end(context)
    with no_retry_when_hopeless():
        there = declared_sources()
        reports = erase(
            settings,
            wanted(params.get("customer_ids") or (), Path(path) if path else None),
            places=all_places(settings, there, in_airflow=True),
            destinations=forgetful(params.get("by_hand") or ()),
            declared=there,
            dry_run=bool(params.get("dry_run")),
        )
    told = {
        report.request: {each.place: [each.before, each.after] for each in report.places}
        for report in reports
    }
    for report in reports:
        for each in report.places:
            logger.info("%s: %s -> %s %s", each.place, each.before, each.after, each.unit)
    if not reports:
        raise AirflowSkipException("nobody is named, and nothing is open")
    if params.get("dry_run"):
        context["ti"].xcom_push(key="return_value", value=told)
        raise AirflowSkipException("it was counted, and nothing was changed")
    return told


def _let_a_night_end(context: Mapping[str, Any]) -> None:
    """Come back later while a night is between its build and its end; for some hours at most.

    An erasure takes the warehouse and the release away, and such a night would end without one.
    Nothing can be built meanwhile, as this task holds the slot.

    Raises:
        AirflowRescheduleException: a night is not over.
    """
    from airflow.sdk.exceptions import AirflowRescheduleException

    from rapport.orchestration.night import AFTER_BUILD, BUILD, DAG_ID, DONE

    runs = context["ti"].get_task_states(dag_id=DAG_ID, task_ids=[BUILD, *AFTER_BUILD])
    on = [
        run_id
        for run_id, states in runs.items()
        if states.get(BUILD) in DONE and not DONE.issuperset(states.values())
    ]
    now = datetime.now(UTC)
    if on and now - context["dag_run"].start_date < LETS_A_NIGHT_END:
        logger.info("%s is built and not over; this waits for it", ", ".join(sorted(on)))
        raise AirflowRescheduleException(now + ASKS_AGAIN)


def demand_nothing_left(told: dict[str, dict[str, list[int | None]]]) -> None:
    """Have the run be red as long as something of somebody is anywhere.

    Args:
        told: what `erase_people` returned.

    Raises:
        ErasureError: something is left; the message names the places.
    """
    still = {
        place for counts in told.values() for place, (_, after) in counts.items() if after != 0
    }
    if still:
        raise ErasureError(
            f"something is left in {', '.join(sorted(still))}; the report says why, and the next "
            "day goes on with it: docs/runbooks/erasure.md"
        )


def wanted(customer_ids: Sequence[str], request: Path | None) -> list[str]:
    """Return the customers' ids that somebody names, in words or in a file.

    One that an erasure has written over names nobody: a run that is tried again finds its own
    parameters so, and goes on with what is open.

    Raises:
        SettingsError: the file cannot be read.
    """
    from rapport.erasure.people import read_request
    from rapport.erasure.texts import is_written_over

    named = list(customer_ids)
    if request is not None:
        try:
            named += read_request(request.read_bytes())
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no UTF-8 text"
            raise SettingsError(f"{request} cannot be read: {why}") from None
    found = [id_ for id_ in named if not is_written_over(id_)]
    if gone := len(named) - len(found):
        logger.info("%s ids were written over by an erasure that began earlier", gone)
    return found


def _show(report: "Report", dry_run: bool) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    people = f"{report.people} customer{'s' * (report.people != 1)}"
    if dry_run:
        console.print(f"{people}; nothing was changed")
    else:
        end = report.finished_at.isoformat() if report.finished_at else "open"
        began = report.erased_at.isoformat()
        console.print(f"Request {report.request}: {people}, tombstone of {began}, finished: {end}")
    table = Table("place", "what", "before", "after", "", box=box.SIMPLE)
    for each in report.places:
        after = "" if each.after is None else f"{each.after:,}"
        table.add_row(each.place, each.unit, f"{each.before:,}", after, each.note)
    console.print(table)
