"""The ``rapport`` command: run nights on this machine, look after releases."""

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version as installed
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from rapport.activate_commands import activation_app
from rapport.archive_commands import archive_a_switch, archive_app
from rapport.build.record import Record, read_record
from rapport.contract_commands import contract_command
from rapport.errors import RapportError, SettingsError
from rapport.explain_commands import explain_command
from rapport.export_commands import export_command
from rapport.orchestration import embedded
from rapport.orchestration.activate import activate_command
from rapport.orchestration.backfill import backfill_command
from rapport.orchestration.bi import bi_app, follow_a_switch
from rapport.orchestration.doctor import doctor_command
from rapport.orchestration.erasure import erase_command
from rapport.orchestration.maintenance import maintain_command
from rapport.orchestration.night import DONE, Airflow, Step
from rapport.orchestration.source import source_app
from rapport.orchestration.status import status_command
from rapport.policy import as_json, policies_of
from rapport.policy_commands import policy_command, settings_command
from rapport.release import report_path
from rapport.release.store import MANIFEST
from rapport.release_commands import after_switch, releases_app
from rapport.settings import Settings, cutoff_of
from rapport.sources.declared import declared
from rapport.sources.streams import GROUPS
from rapport.sources_commands import sources_command

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(releases_app, name="releases")
app.add_typer(archive_app, name="archive")
app.add_typer(bi_app, name="bi")
app.add_typer(activation_app, name="activation")
app.add_typer(source_app, name="source")
app.command("activate")(activate_command)
after_switch += [follow_a_switch, archive_a_switch]
app.command("policy")(policy_command)
app.command("settings")(settings_command)
app.command("contract")(contract_command)
app.command("export")(export_command)
app.command("explain")(explain_command)
app.command("sources")(sources_command)
app.command("status")(status_command)
app.command("doctor")(doctor_command)
app.command("erase")(erase_command)
app.command("backfill")(backfill_command)
app.command("maintain")(maintain_command)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

PATIENCE_SECONDS = 20.0
TASK_FAILED = "Task failed with exception"
MARKS = {
    "success": "[green]ok[/]",
    "failed": "[red]failed[/]",
    "skipped": "[yellow]skipped[/]",
    "upstream_failed": "[yellow]not run[/]",
    "up_for_retry": "[yellow]will be tried again[/]",
}


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"rapport {installed('rapport')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which.")
    ] = False,
) -> None:
    """A nightly customer-relationship warehouse."""


def main() -> None:
    """Run the command line; an error of ours is one message and exit code 1."""
    try:
        app()
    except RapportError as error:
        errors.print("[red]rapport:[/]", escape(str(error)), soft_wrap=True)
        sys.exit(1)
    except httpx.HTTPError as error:
        errors.print(
            f"[red]rapport:[/] no answer from Airflow or the sandbox ({type(error).__name__}); "
            "`make up` starts what has ended",
            soft_wrap=True,
        )
        sys.exit(1)


@app.command()
def up() -> None:
    """Start the sandbox and Airflow, unless they run already."""
    settings, ports = Settings.from_env(), embedded.Ports.from_env()
    with _says_how_to_go_on("`make down` ends what was started, `make up` goes on."):
        _up(settings, ports)
    _print_where(settings, ports)


@app.command()
def down() -> None:
    """End everything that `up` started."""
    ended = embedded.down(Settings.from_env())
    _say(f"ended {', '.join(ended)}" if ended else "nothing was running")


@app.command()
def run(
    as_of: Annotated[
        str, typer.Option(help="The night, YYYY-MM-DD; the last one if left out.")
    ] = "",
) -> None:
    """Run one night through the scheduler, show its progress and what came of it."""
    settings, ports = Settings.from_env(), embedded.Ports.from_env()
    night = _night(settings, as_of)
    # What is wrong with the firm's files is told now and not in the middle of the night.
    policies_of(settings)
    declared(settings, lambda _: True)
    began = time.monotonic()
    with _says_how_to_go_on("`make down` ends what was started, `make run` goes on."):
        _up(settings, ports)
        airflow = Airflow(ports.airflow_url, embedded.login(settings))
        with console.status("waiting for Airflow to read the DAG"):
            airflow.wait_for_dag(embedded.began(settings, "dag-processor"))
        others = airflow.active_nights(besides=night)
        if settings.has_sandbox:
            _set_clock(ports, night, others)
        elif others:
            _say(f"{', '.join(others)} is running; this night waits until it is over")
        took = airflow.seconds_of_last_night()
        run_id, joined = airflow.start_night(night)
    _say(f"night {night} {'runs already; joined' if joined else 'started as'} {run_id}")
    if took is not None:
        _say(f"the last night took {_clock(took)}")
    with _says_how_to_go_on(
        f"The night {night} goes on. Join it with `make run AS_OF={night}`; end it by marking the "
        f"run {run_id} as failed at {ports.airflow_url}, or with everything else by `make down`."
    ):
        _follow(settings, airflow, run_id, began)
    published: dict[str, Any] | None = airflow.returned(run_id, "publish_release")
    if published:
        _print_summary(settings, airflow, run_id, published)
    subtracted: dict[str, Any] | None = airflow.returned(run_id, "subtract_opt_outs")
    state = airflow.state(run_id)
    if state != "success":
        _print_failure(airflow, run_id)
    _print_where(settings, ports)
    _say(_verdict(f"night {night}", _minutes(began), state, published, subtracted))


def _set_clock(ports: embedded.Ports, night: date, others: list[str]) -> None:
    """Put the sandbox company's clock at the end of the night.

    Raises:
        RapportError: another night is running, for which the company would suddenly be older.
    """
    if others:
        raise RapportError(
            f"{', '.join(others)} is running, and the sandbox company has one clock; wait until it "
            "is over, or join it with `make run AS_OF=<its night>`"
        )
    clock = {"now": cutoff_of(night).isoformat()}
    httpx.put(f"{ports.sandbox_url}/sandbox/clock", json=clock).raise_for_status()


def _up(settings: Settings, ports: embedded.Ports) -> None:
    with console.status("starting") as status:
        embedded.up(settings, ports, _say, lambda what: _wait_for(status, what))


def _wait_for(status: Status, what: str) -> None:
    """Say what is waited for: on a terminal until the next thing, elsewhere in a line."""
    if console.is_terminal:
        status.update(what)
    else:
        _say(what)


@contextmanager
def _says_how_to_go_on(advice: str) -> Iterator[None]:
    """Leave with the advice, and the exit code of a shell, when interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        console.print(f"\ninterrupted. {advice}", markup=False, soft_wrap=True)
        sys.exit(130)


def _night(settings: Settings, text: str) -> date:
    import sandbox

    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    last = sandbox.LAST_NIGHT if settings.has_sandbox else yesterday
    if not text:
        return last
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is not a date; write AS_OF=2017-06-30") from None
    first = sandbox.first_night(settings.company) if settings.has_sandbox else None
    if night > last or (first and night < first):
        known = f"from {first} " if first else ""
        raise SettingsError(f"there are nights {known}to {last}; {night} is not one of them")
    return night


def _follow(settings: Settings, airflow: Airflow, run_id: str, began: float) -> None:
    """Print every task as it ends, and on a terminal what is running now."""
    told = False
    alone_since = math.inf
    with console.status("waiting for the scheduler") as status:
        for changed, steps in airflow.follow(run_id):
            ended = [step for step in changed if step.state in DONE or step.state == "up_for_retry"]
            left = sum(step.state not in DONE for step in steps) + len(ended)
            build = _build(settings, run_id) if any(step.part for step in ended) else None
            for step in ended:
                left -= 1
                if step.part and step.state == "upstream_failed":
                    continue  # nothing was built, and what failed is told
                line = _line(_as_dbt_says(step, build), began, len(steps) - left, len(steps))
                console.print(line, soft_wrap=True)
            waiting = [step for step in steps if step.state not in DONE]
            if not waiting or any(step.part is None for step in waiting):
                alone_since = math.inf
            else:
                alone_since = min(alone_since, time.monotonic())
            if not told and time.monotonic() - alone_since > PATIENCE_SECONDS:
                told = True
                _say(
                    "all is done but the tasks that show parts of the build: the triggerer does "
                    "not run. Nothing else waits for them; `make up` starts it"
                )
            names = [s.task_id for s in steps if s.state == "running"]
            far = f"{sum(step.state in DONE for step in steps)} of {len(steps)} tasks"
            status.update(f"{far}; running: {', '.join(names[:4])}" if names else far)


def _build(settings: Settings, run_id: str) -> Record | None:
    record = read_record(settings.build_record_path)
    return record if record and record.header.run_id == run_id else None


def _as_dbt_says(step: Step, build: Record | None) -> Step:
    """A part with the seconds that dbt took, as its task only waited for them."""
    if step.part is None:
        return step
    seconds = sum(outcome.seconds for outcome in build.of_part(step.part)) if build else 0.0
    return Step(step.task_id, step.state, seconds)


def _line(step: Step, began: float, ended: int, of: int) -> str:
    mark = MARKS.get(step.state, step.state)
    seconds = f"{step.seconds:6.1f} s" if step.seconds else ""
    far = f"{ended}/{of}"
    return f"{_minutes(began):>6} {far:>6}  {step.task_id:<40} {seconds:>8}  {mark}"


def _print_failure(airflow: Airflow, run_id: str) -> None:
    *_, (steps, _) = airflow.follow(run_id)
    for step in steps:
        # The build's own log has what its parts show.
        if step.state == "failed" and not step.part:
            console.print(f"\n[red]{step.task_id}[/] failed; its log ends with:")
            for line in _what_failed(airflow.log_tail(run_id, step.task_id, 40)):
                console.print(f"  {line}", markup=False, soft_wrap=True)


def _what_failed(lines: list[str]) -> list[str]:
    """Leave the error itself of a log's end, where there is one."""
    if TASK_FAILED in lines[:-1]:
        return lines[lines.index(TASK_FAILED) + 1 :]
    return lines[-12:]


def _verdict(
    night: str,
    took: str,
    state: str,
    published: dict[str, Any] | None,
    subtracted: dict[str, Any] | None = None,
) -> str:
    """Say that a night is done; raise if it is not, whatever Airflow calls it."""
    if state != "success":
        raise RapportError(f"{night} failed after {took}; {_left(published, subtracted)}")
    if not published:
        raise RapportError(
            f"Airflow calls the {night} a success, but it released nothing, so it ran no task: "
            "is it older than the DAG's start date?"
        )
    return f"{night} done in {took}"


def _left(published: dict[str, Any] | None, subtracted: dict[str, Any] | None) -> str:
    """Say what readers have after a night that failed."""
    if published:
        return (
            f"release {published['release_id']} is out all the same; "
            "`rapport releases report` makes its report again, `rapport bi load` gives it to "
            "Postgres"
        )
    if subtracted is None:
        return (
            "the last release stays in place, and who said no since is still on its lists: "
            "docs/runbooks/subtraction_failed.md"
        )
    if subtracted["customers"]:
        return (
            f"the last release stays in place but for {subtracted['customers']:,} who said no "
            f"since and were taken out: {subtracted['release_id']}"
        )
    return "the last release stays in place; nobody on its lists said no since"


def _print_summary(
    settings: Settings, airflow: Airflow, run_id: str, published: dict[str, Any]
) -> None:
    import duckdb

    folder = settings.releases_dir / published["release_id"]
    with duckdb.connect(str(folder / "rapport.duckdb"), read_only=True) as release:
        marts = release.execute(
            "select table_name, estimated_size from duckdb_tables() "
            "where schema_name = 'marts' order by table_name"
        ).fetchall()
        segments = release.execute(
            """
            select
                segment,
                count(member.customer_id) filter (where arm = 'treatment'),
                count(member.customer_id) filter (where arm = 'holdout'),
                any_value(held_back.customers)
            from segments.segments
            left join segments.segment_members as member using (segment)
            left join (
                select segment, count(*) as customers
                from segments.segment_suppressions
                group by segment
            ) as held_back using (segment)
            group by segment
            order by segment
            """
        ).fetchall()
    sources = json.loads((folder / MANIFEST).read_text())["sources"]
    console.print("\nLanded tonight")
    own = declared(Settings.from_env(), lambda _: True).mapped
    for group, streams in [*GROUPS.items(), *((each.name, each.streams) for each in own)]:
        if streams[0].source in sources["not_declared"]:
            continue
        rows: dict[str, int] | None = airflow.returned(run_id, f"extract.{group}")
        if rows is None and {s.full_name for s in streams} - set(sources["switched_off"]):
            console.print(f"  {group:<24} [red]left out: its pull failed[/]", soft_wrap=True)
            continue
        counts = ", ".join(f"{stream} {count:,}" for stream, count in (rows or {}).items())
        console.print(f"  {group:<24} {counts or 'switched off'}", soft_wrap=True)
    for line in _left_out(sources):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print()
    _print_table("Marts", ("table", "rows"), marts)
    _print_table("Segments", ("segment", "members", "hold-out", "held back"), segments)
    for task_id, gate in (("check_sources", "What came in"), ("check_release", "What goes out")):
        found = airflow.returned(run_id, task_id)
        for line in _of_gate(gate, found):
            console.print(line, markup=False, soft_wrap=True)
    _print_policies(folder)
    current = "current" if published["is_current"] else "kept beside a newer current release"
    console.print(f"\nRelease   {published['release_id']} ({current})\n          {folder}")
    if airflow.returned(run_id, "report_night"):
        console.print(f"Report    {report_path(folder)}", soft_wrap=True)
    if loaded := airflow.returned(run_id, "load_bi"):
        console.print(f"Postgres  {loaded['release_id']}")


def _of_gate(gate: str, found: dict[str, Any]) -> Iterator[str]:
    """Say what a gate found, and what else was noticed with it."""
    yield f"{gate}: {found['evaluated']} checks, {len(found['warnings'])} warnings"
    yield from (f"  warning: {warning}" for warning in found["warnings"])
    yield from (f"  not looked at: {table}" for table in found["left_out"])
    yield from (f"  to see to in time: {line}" for line in found.get("support_ends", ()))


def _left_out(sources: dict[str, Any]) -> Iterator[str]:
    """Say what of the sources is not in the night, a line for each reason."""
    if sources["not_declared"]:
        yield f"the firm has no {', '.join(sources['not_declared'])}"
    if sources["switched_off"]:
        yield f"switched off in sources.yml: {', '.join(sources['switched_off'])}"
    for stream, scope in sources["refused"].items():
        yield f"left out, as the source refused the key: {stream}, which needs the scope {scope}"


def _print_policies(folder: Path) -> None:
    """Say which policies somebody decided otherwise, and the currency that the orders chose."""
    policies = json.loads((folder / MANIFEST).read_text())["policies"]
    console.print(f"\nPolicies  digest {policies['digest'][:12]}; all: table marts.policies")
    for name, decided in policies["decided"].items():
        line = f"          {name} {as_json(decided['value'])} ({decided['source']})"
        console.print(line, markup=False, soft_wrap=True)


def _print_table(title: str, header: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for index, name in enumerate(header):
        table.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(str(row[0]), *(f"{value or 0:,}" for value in row[1:]))
    console.print(table)
    console.print()


def _print_where(settings: Settings, ports: embedded.Ports) -> None:
    user, password = embedded.login(settings)
    pages: list[tuple[str, Path | str]] = [
        ("Data Docs", settings.data_docs_dir / "index.html"),
        ("Airflow", f"{ports.airflow_url} (login {user}, password {password})"),
        ("Logs", settings.logs_dir),
    ]
    for name, place in pages:
        console.print(f"{name:<9} {place}", soft_wrap=True)


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)


def _minutes(began: float) -> str:
    return _clock(time.monotonic() - began)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    main()
