"""``rapport doctor``: look at every artefact and connection, and say what is broken and what to do.

It only looks, and it never ends early: what goes wrong while one thing is looked at is what is said
of that thing.
"""

import json
import logging
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer
from packaging.requirements import InvalidRequirement, Requirement
from rich.console import Console
from rich.markup import escape

from rapport.activation.account import last_runs
from rapport.archive import Store, current_in
from rapport.build.project import is_parsed
from rapport.errors import RapportError
from rapport.gate import GATES, RUNBOOKS, last_verdicts
from rapport.landing import damaged_files, last_night
from rapport.orchestration import embedded
from rapport.orchestration.activate import is_another, speak_as_a_task_would
from rapport.pages import counted, size_in_words
from rapport.policy import policies_of
from rapport.release import (
    current_release,
    history,
    list_releases,
    readers_release,
    report_path,
    verify_release,
)
from rapport.settings import Settings
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared, declared
from rapport.sources.mapped import MappedSource
from rapport.sources.probe import probe
from rapport.warehouse import fingerprint, held_by, state_of_build

FINE, LOOK, BROKEN = "fine", "look", "broken"
MARKS = {FINE: "[green]fine[/]  ", LOOK: "[yellow]look[/]  ", BROKEN: "[red]broken[/]"}
# A night needs room for the warehouse beside itself, its spill and a release.
ROOM = 3


@dataclass(frozen=True)
class Finding:
    """What was found of one thing.

    Attributes:
        what: the artefact or connection.
        state: ``fine``, ``look`` (it works, and somebody should know) or ``broken``.
        found: how it is.
        remedy: what to do; empty where nothing is to be done.
    """

    what: str
    state: str
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked at, and how."""

    settings: Settings
    ports: embedded.Ports
    is_thorough: bool
    had: Declared | None


Check = Callable[[Patient], Iterator[Finding]]


def doctor_command(
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Read every value of the landing, too.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Call no source.")] = False,
    as_data: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Look at every artefact and connection; say what is broken and what to do. Exit 1 if any is.

    It only looks: nothing is started, made or mended. Each source is called once.
    """
    found = list(examined(Settings.from_env(), is_thorough=thorough, is_offline=offline))
    if as_data:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        console = Console(highlight=False)
        for each in found:
            console.print(f"{MARKS[each.state]} [bold]{escape(each.what)}[/]: {escape(each.found)}")
            if each.remedy:
                console.print(f"       {escape(each.remedy)}")
        broken, to_look_at = (sum(f.state == state for f in found) for state in (BROKEN, LOOK))
        console.print(f"{broken} broken, {to_look_at} to look at, {len(found)} looked at")
    raise typer.Exit(any(each.state == BROKEN for each in found))


def examined(
    settings: Settings, *, is_thorough: bool = False, is_offline: bool = False
) -> Iterator[Finding]:
    """Look at an installation, one thing after the other."""
    ports = embedded.ports_in_use(settings)
    speak_as_a_task_would(settings, ports)
    try:
        had: Declared | None = declared(settings, lambda source: _found(source) is not None)
    except RapportError:
        had = None  # said by the check of the files
    patient = Patient(settings, ports, is_thorough, had)
    for what, check in CHECKS.items():
        if is_offline and check in (_connections, _copies):
            continue
        try:
            yield from check(patient)
        except RapportError as error:
            yield Finding(what, BROKEN, str(error))
        except OSError as error:
            yield Finding(
                what, BROKEN, f"{error.filename}: {error.strerror}", "Look at its rights."
            )
        except Exception as error:  # a fault of one check must not hide what the others find
            yield Finding(what, BROKEN, f"cannot be looked at: {type(error).__name__}")


def _files(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    decided = policies_of(settings)
    yield Finding("policies", FINE, f"{len(decided.all)} in force, {len(decided.changed)} decided")
    had = declared(settings, lambda source: _found(source) is not None)
    yield Finding("sources", FINE, f"{', '.join(had.sources)} (said by {had.said_by})")


def _home(patient: Patient) -> Iterator[Finding]:
    home = patient.settings.home
    if not home.is_dir():
        yield Finding("home", LOOK, f"{home} is not there", "The first night makes it: `make run`.")
        return
    if not os.access(home, os.W_OK):
        yield Finding("home", BROKEN, f"{home} cannot be written", "Give it to the user of nights.")
        return
    others = stat.S_IMODE(home.stat().st_mode) & 0o077
    if others and _holds_people(patient.settings):
        yield Finding(
            "home",
            LOOK,
            f"{home} can be entered by others (mode {stat.S_IMODE(home.stat().st_mode):o})",
            f"What holds people's data should be its owner's only: `chmod 700 {home}`.",
        )
    else:
        yield Finding("home", FINE, str(home))
    free = shutil.disk_usage(home).free
    warehouse = patient.settings.warehouse_path
    size = warehouse.stat().st_size if warehouse.is_file() else 0
    said = (
        f"{size_in_words(free)} are free; the warehouse has {size_in_words(size) or 'nothing yet'}"
    )
    if free < ROOM * size:
        yield Finding(
            "disk",
            BROKEN if free < size else LOOK,
            said,
            f"A night may need {size_in_words(ROOM * size)}: make room, or keep fewer releases "
            "(RAPPORT_KEEP_RELEASES).",
        )
    else:
        yield Finding("disk", FINE, said)


def _holds_people(settings: Settings) -> bool:
    """Whether a folder that holds people's data is open to others."""
    folders = (settings.landing_dir, settings.warehouse_path.parent, settings.releases_dir)
    return any(
        folder.is_dir() and stat.S_IMODE(folder.stat().st_mode) & 0o077 for folder in folders
    )


def _packages(patient: Patient) -> Iterator[Finding]:
    lock = patient.settings.project_dir / "requirements" / "runtime.lock"
    if not lock.is_file():
        yield Finding("packages", LOOK, f"{lock} is not there, so nothing says which are right")
        return
    other, checked = [], 0
    for line in lock.read_text(encoding="utf-8").splitlines():
        try:
            wanted = Requirement(line.removesuffix("\\").strip())
        except InvalidRequirement:
            continue  # a hash, a comment
        if wanted.marker and not wanted.marker.evaluate():
            continue
        checked += 1
        try:
            installed = version(wanted.name)
        except PackageNotFoundError:
            installed = "missing"
        if not wanted.specifier.contains(installed, prereleases=True):
            other.append(f"{wanted.name} {installed} ({wanted.specifier})")
    if other:
        yield Finding(
            "packages",
            BROKEN,
            f"not as {lock.name} has them: {', '.join(other)}",
            "`make install` or the image's build installs what was tried together.",
        )
    else:
        yield Finding("packages", FINE, f"{checked} as {lock.name} has them")


def _connections(patient: Patient) -> Iterator[Finding]:
    if patient.had is None:
        return  # why is said of the firm's files
    for source in patient.had.sources:
        what = f"connection rapport_{source}"
        try:
            mapped = patient.had.mapped_source(source)
            what = f"source {source}" if mapped and mapped.kind == "files" else what
            connection = _found(source, mapped)
            if connection is None:
                leave = f"leave it out of {mapped.said_in if mapped else 'sources.yml'}"
                yield Finding(
                    what,
                    BROKEN,
                    "there is none",
                    f"Make it under Admin > Connections, or set AIRFLOW_CONN_RAPPORT_"
                    f"{source.upper()}; without the source, {leave}.",
                )
                continue
            yield Finding(what, FINE, probe(source, connection, mapped))
        except RapportError as error:
            said = str(error).partition(": ")[2] or str(error)
            said = said.partition(". What came before")[0]  # of a pull, which this is none
            up = (
                "`make up` starts the sandbox, unless it runs."
                if patient.settings.has_sandbox
                else ""
            )
            yield Finding(what, BROKEN, said, up)
            continue
        if source in versions.CHOICES:
            chose = {source: versions.chosen(source, connection.options)}
            names = [name for name in patient.had.names if name.startswith(f"{source}.")]
            for line in versions.ending(datetime.now(UTC).date(), names, chose):
                said, _, remedy = line.partition(": ")
                yield Finding(what, LOOK, said, remedy)


def _destinations(patient: Patient) -> Iterator[Finding]:
    """The connections that segments are sent by, and what waits for a person."""
    from rapport.orchestration.activation import DESTINATIONS

    for name in DESTINATIONS:
        connection = _found(f"activate_{name}")
        what = f"connection rapport_activate_{name}"
        if connection is None:
            continue
        read = _found(name)
        if read is not None and read.secret and read.secret == connection.secret:
            yield Finding(
                what,
                LOOK,
                f"has the key of rapport_{name}, which is to read only",
                "Make a key of its own, with the scopes of docs/runbooks/activation.md.",
            )
        else:
            yield Finding(what, FINE, "is there, with a key of its own")
    for state in last_runs(patient.settings.activation_dir):
        told = f"run {state['run_id']} of release {state['release_id']}: {state['state']}"
        is_good = state["state"] in ("done", "running")
        yield Finding(
            f"activation of {state['destination']}",
            FINE if is_good else LOOK,
            told + (f" ({state['reason']})" if state["reason"] and not is_good else ""),
            "" if is_good else "docs/runbooks/activation_failed.md.",
        )


def _copies(patient: Patient) -> Iterator[Finding]:
    """The copies that others read: Postgres for BI tools, the archive."""
    current = current_release(patient.settings.releases_dir)
    connection = _found("bi")
    if connection is not None:
        from rapport.bi import Server, held_releases

        server = Server(connection)
        with server.told("asked which releases it has"), server.transaction() as session:
            held = held_releases(session)
        has = next((each.release_id for each in held if each.is_current), None)
        yield _as_current(
            "Postgres for BI tools",
            has,
            current,
            "`rapport bi load`; docs/runbooks/bi_load_failed.md.",
        )
    if patient.settings.archive:
        has = current_in(Store(patient.settings.archive))
        yield _as_current("archive", has, current, "`rapport archive push`, then `verify`.")


def _as_current(what: str, has: str | None, current: str | None, remedy: str) -> Finding:
    """Compare what a copy gives its readers with what readers here have."""
    if has == current:
        return Finding(what, FINE, f"has {has or 'no release, as there is none'}")
    return Finding(what, BROKEN, f"has {has or 'nothing'}, and readers here {current}", remedy)


def _found(source: str, mapped: MappedSource | None = None) -> Connection | None:
    """Return the connection of a source, as a task would find it; None where there is none."""
    from airflow.exceptions import AirflowNotFoundException
    from airflow.models.connection import Connection as Stored

    from rapport.orchestration.connections import connection_of

    try:
        found = Stored.get_connection_from_secrets(f"rapport_{source}")
    except AirflowNotFoundException:
        if mapped and mapped.kind == "files":  # which need none
            return Connection(f"rapport_{source}", mapped.path)
        return None
    return connection_of(source, found, mapped)


def _landing(patient: Patient) -> Iterator[Finding]:
    landing = patient.settings.landing_dir
    folders = sorted(path for path in landing.glob("[!._]*/") if path.is_dir())
    if not folders:
        yield Finding(
            "landing", LOOK, "nothing has landed yet", "The first night pulls everything."
        )
    for folder in folders:
        what = f"landing of {folder.name}"
        damaged = damaged_files(landing, folder.name, date.max, thorough=patient.is_thorough)
        laid_aside = sorted((folder / "_damaged").glob("*.parquet"))
        if damaged:
            files = "; ".join(f"{name} ({why})" for name, why in list(damaged.items())[:5])
            yield Finding(
                what,
                BROKEN,
                f"{counted(len(damaged), 'file')} damaged: {files}",
                "Run the night again: it lays them aside and pulls anew. Look at the disk.",
            )
        elif laid_aside:
            yield Finding(
                what,
                LOOK,
                f"{counted(len(laid_aside), 'file')} lie in {folder / '_damaged'}",
                "What was in them is pulled anew. When that is done they may go.",
            )
        else:
            how = "every value was read" if patient.is_thorough else "files have their sizes"
            night = last_night(landing, [folder.name])
            yield Finding(what, FINE, f"last of the night of {night}; {how}")


def _warehouse(patient: Patient) -> Iterator[Finding]:
    settings = patient.settings
    if not settings.warehouse_path.is_file():
        yield Finding("warehouse", LOOK, "not built yet", "The next night builds it.")
        return
    if holder := held_by(settings.warehouse_path):
        yield Finding(
            "warehouse", LOOK, f"process {holder} is building it", "Ask again after that."
        )
        return
    state = state_of_build(settings.warehouse_path)
    landed = last_night(settings.landing_dir, patient.had.sources) if patient.had else None
    if not state.is_finished:
        yield Finding(
            "warehouse",
            LOOK,
            f"the build of {state.as_of} did not come to its end",
            "The next night builds it anew; docs/runbooks/build_failed.md.",
        )
    elif landed and landed > state.as_of:
        yield Finding(
            "warehouse",
            LOOK,
            f"shows the night of {state.as_of}, and {landed} has landed",
            f"`rapport run --as-of {landed}` builds it; docs/runbooks/build_failed.md.",
        )
    elif not state.code.startswith(fingerprint(settings.dbt_project_dir)):
        yield Finding(
            "warehouse",
            LOOK,
            f"shows the night of {state.as_of}, built by other models than these",
            "The next night builds it anew from the landing; it takes longer.",
        )
    else:
        yield Finding("warehouse", FINE, f"shows the night of {state.as_of}")


def _releases(patient: Patient) -> Iterator[Finding]:
    releases = patient.settings.releases_dir
    found = list_releases(releases)
    if not found:
        yield Finding("releases", LOOK, "none yet", "A night makes one: `make run`.")
        return
    for info in found:
        problems = verify_release(info.path)
        what = f"release {info.release_id}"
        if problems:
            remedy = (
                "It is the readers'! `rapport releases rollback` to a whole one, or run its night "
                "again, which mends it."
                if info.is_current
                else "Run its night again, which mends it, or let it go."
            )
            yield Finding(what, BROKEN, "; ".join(problems), remedy)
        elif info.is_current and not report_path(info.path).is_file():
            yield Finding(
                what, LOOK, "whole, current, without its report", "`rapport releases report`."
            )
        else:
            yield Finding(what, FINE, "whole, current" if info.is_current else "whole")
    current = readers_release(releases)
    if current is None:
        named = current_release(releases)
        yield Finding(
            "current release",
            BROKEN,
            f"`current` leads to {named}, which is not there" if named else "there is no `current`",
            'Choose one: `rapport releases rollback RELEASE --why "..."`.',
        )
    elif not history(releases):
        yield Finding(
            "releases' history",
            LOOK,
            "empty or gone",
            "Who published and rolled back what is not known any more; nights go on.",
        )


def _gates(patient: Patient) -> Iterator[Finding]:
    for said in last_verdicts(patient.settings.data_docs_dir):
        what = f"gate: {GATES.get(said['gate'], said['gate'])}"
        night = f"night of {said['as_of']}"
        if said["verdict"] == "stopped":
            yield Finding(
                what,
                BROKEN,
                f"stopped the {night}: {'; '.join(said['critical'][:3])}",
                f"docs/runbooks/{RUNBOOKS[said['gate']]}.",
            )
        elif said["verdict"] == "unfinished":
            yield Finding(what, LOOK, f"looks at the {night}, or was killed at it")
        elif said["warnings"]:
            yield Finding(
                what,
                LOOK,
                f"let the {night} through with {counted(len(said['warnings']), 'warning')}: "
                f"{'; '.join(said['warnings'][:3])}",
                f"{patient.settings.data_docs_dir / 'index.html'} has what was measured.",
            )
        else:
            yield Finding(what, FINE, f"let the {night} through")


def _airflow(patient: Patient) -> Iterator[Finding]:
    services = embedded.running(patient.settings, patient.ports)
    for service in services:
        if service.answers is False:
            yield Finding(
                service.name,
                BROKEN,
                f"runs and does not answer at {service.url}",
                f"Its log is in {patient.settings.logs_dir}; `make down`, then `make up`.",
            )
        else:
            yield Finding(service.name, FINE, "runs")
    ended = embedded.ended(patient.settings)
    for name in ended:
        yield Finding(
            name,
            BROKEN,
            "was started and has ended, although nobody ended it",
            f"Its log is in {patient.settings.logs_dir}; `make up` starts it again, and a night "
            "goes on where it was.",
        )
    if not services and not ended and not is_another(patient.settings):
        yield Finding("services", LOOK, "nothing was started here", "`make up` starts it.")
    if not is_parsed(patient.settings.dbt_project_dir):
        yield Finding("DAGs", LOOK, "the dbt project is not parsed yet", "`make up` does it.")
        return
    logging.getLogger("airflow").setLevel(logging.ERROR)
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(patient.settings.project_dir / "dags"))
    for path, error in bag.import_errors.items():
        yield Finding(f"DAGs: {path}", BROKEN, error.strip().splitlines()[-1])
    if not bag.import_errors:
        yield Finding("DAGs", FINE, ", ".join(sorted(bag.dags)))


CHECKS: dict[str, Check] = {
    "the firm's files": _files,
    "home": _home,
    "packages": _packages,
    "connections": _connections,
    "destinations": _destinations,
    "landing": _landing,
    "warehouse": _warehouse,
    "releases": _releases,
    "gates": _gates,
    "copies": _copies,
    "Airflow": _airflow,
}
