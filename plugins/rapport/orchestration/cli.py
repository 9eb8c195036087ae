"""The ``rapport`` command: run nights on this machine, look after releases."""

import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from rapport.errors import RapportError, SettingsError
from rapport.orchestration import embedded
from rapport.orchestration.night import DONE, PRODUCER, Airflow, DbtLog, Step
from rapport.release import report_path
from rapport.release_commands import releases_app
from rapport.settings import Settings, cutoff_of
from rapport.sources.streams import GROUPS

app = typer.Typer(
    help="A nightly customer-relationship warehouse.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(releases_app, name="releases")
console = Console(highlight=False)

TASK_FAILED = "Task failed with exception"
MARKS = {
    "success": "[green]ok[/]",
    "failed": "[red]failed[/]",
    "skipped": "[yellow]skipped[/]",
    "upstream_failed": "[yellow]not run[/]",
    "up_for_retry": "[yellow]will be tried again[/]",
}


def main() -> None:
    """Run the command line; an error of ours is one message and exit code 1."""
    try:
        app()
    except RapportError as error:
        console.print(f"[red]rapport:[/] {error}", soft_wrap=True)
        sys.exit(1)


@app.command()
def up() -> None:
    """Start the sandbox and Airflow, unless they run already."""
    settings, ports = Settings.from_env(), embedded.Ports.from_env()
    embedded.up(settings, ports, _say)
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
    began = time.monotonic()
    embedded.up(settings, ports, _say)
    if settings.has_sandbox:
        clock = {"now": cutoff_of(night).isoformat()}
        httpx.put(f"{ports.sandbox_url}/sandbox/clock", json=clock).raise_for_status()
    airflow = Airflow(ports.airflow_url, embedded.login(settings))
    airflow.wait_for_dag()
    dbt_log = DbtLog(settings.dbt_log_path)
    run_id = airflow.start_night(night)
    _say(f"night {night} started as {run_id}")
    _follow(airflow, run_id, dbt_log, began)
    published: dict[str, Any] | None = airflow.returned(run_id, "publish_release")
    if published:
        _print_summary(settings, airflow, run_id, published)
    failed = airflow.state(run_id) != "success"
    if failed:
        _print_failure(airflow, run_id)
    _print_where(settings, ports)
    if failed:
        raise RapportError(f"night {night} failed after {_minutes(began)}; {_left(published)}")
    _say(f"night {night} done in {_minutes(began)}")


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


def _follow(airflow: Airflow, run_id: str, dbt_log: DbtLog, began: float) -> None:
    """Print every task and model as it ends, and on a terminal what is running now."""
    with console.status("waiting for the scheduler") as status:
        for changed, running in airflow.follow(run_id):
            for step in dbt_log.finished():
                console.print(_line(step, began))
            for step in changed:
                ended = step.state in DONE or step.state == "up_for_retry"
                if ended and not _mirrors_dbt(step):
                    console.print(_line(step, began))
            _show(status, running)


def _mirrors_dbt(step: Step) -> bool:
    return step.task_id.startswith("dbt.") and step.task_id != PRODUCER


def _line(step: Step, began: float) -> str:
    mark = MARKS.get(step.state, step.state)
    seconds = f"{step.seconds:6.1f} s" if step.seconds else ""
    return f"{_minutes(began):>6}  {step.task_id:<50} {seconds:>9}  {mark}"


def _show(status: Status, running: list[Step]) -> None:
    names = [step.task_id for step in running if not _mirrors_dbt(step)]
    status.update(f"running: {', '.join(names[:4])}" if names else "scheduling")


def _print_failure(airflow: Airflow, run_id: str) -> None:
    *_, (steps, _) = airflow.follow(run_id)
    for step in steps:
        if step.state == "failed" and not _mirrors_dbt(step):
            console.print(f"\n[red]{step.task_id}[/] failed; its log ends with:")
            for line in _what_failed(airflow.log_tail(run_id, step.task_id, 12)):
                console.print(f"  {line}", markup=False, soft_wrap=True)


def _what_failed(lines: list[str]) -> list[str]:
    """Leave the error itself of a log's end, where there is one; dbt says it before that."""
    if TASK_FAILED in lines[:-1] and "CosmosDbtRunError" not in lines[-1]:
        return lines[lines.index(TASK_FAILED) + 1 :]
    return lines


def _left(published: dict[str, Any] | None) -> str:
    """Say what readers have after a night that failed."""
    if published:
        return (
            f"release {published['release_id']} is out all the same; "
            "`rapport releases report` makes its report again"
        )
    return "the last release stays in place"


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
    console.print("\nLanded tonight")
    for group in GROUPS:
        rows: dict[str, int] = airflow.returned(run_id, f"extract.{group}") or {}
        counts = ", ".join(f"{stream} {count:,}" for stream, count in rows.items())
        console.print(f"  {group:<24} {counts}", soft_wrap=True)
    console.print()
    _print_table("Marts", ("table", "rows"), marts)
    _print_table("Segments", ("segment", "members", "hold-out", "held back"), segments)
    for task_id, gate in (("check_sources", "What came in"), ("check_release", "What goes out")):
        found = airflow.returned(run_id, task_id)
        console.print(f"{gate}: {found['evaluated']} checks, {len(found['warnings'])} warnings")
        for warning in found["warnings"]:
            console.print(f"  warning: {warning}", markup=False, soft_wrap=True)
    current = "current" if published["is_current"] else "kept beside a newer current release"
    console.print(f"\nRelease   {published['release_id']} ({current})\n          {folder}")
    if airflow.returned(run_id, "report_night"):
        console.print(f"Report    {report_path(folder)}", soft_wrap=True)


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
        ("Data Docs", settings.data_docs_dir / "publish" / "index.html"),
        ("", settings.data_docs_dir / "sources" / "index.html"),
        ("Airflow", f"{ports.airflow_url} (login {user}, password {password})"),
        ("Logs", settings.logs_dir),
    ]
    for name, place in pages:
        console.print(f"{name:<9} {place}", soft_wrap=True)


def _say(text: str) -> None:
    console.print(text, soft_wrap=True)


def _minutes(began: float) -> str:
    seconds = int(time.monotonic() - began)
    return f"{seconds // 60}:{seconds % 60:02d}"


if __name__ == "__main__":
    main()
