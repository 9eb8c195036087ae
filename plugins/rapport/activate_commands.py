"""``rapport activation``: what was sent, what came of it, and what waits."""

import json
import sys
from collections.abc import Container, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapport.activation.account import FILE, opened
from rapport.activation.run import Ran
from rapport.settings import Settings

activation_app = typer.Typer(
    help="The account of activation: runs, one run, rows, dead letter, drift.", no_args_is_help=True
)

RUNS = """
select
    run_id, destination, release_id, mode, state, changed, sent, accepted, rejected, "unknown",
    reason
from activation_runs
where destination = coalesce(?, destination)
order by began_at desc, run_id desc
limit ?
"""
SEGMENTS = """
select
    segment, list_id, source, wanted, there, changed, held, stopped, invalid, sent, accepted,
    rejected, "unknown", drift_gone, drift_foreign, verdict, reason
from segments
where run_id = ?
order by segment
"""
ROWS = """
select
    intended_at, customer_id, segment, destination, key, operation, why, status, code, reason,
    attempt, confirmed_at, answered_at, list_id, release_id, run_id, idempotency_key
from activation_rows
where
    run_id = coalesce(:run_id, run_id)
    and customer_id = coalesce(:customer_id, customer_id)
    and segment = coalesce(:segment, segment)
order by row_id desc
limit :most
"""
DEAD = """
select
    destination, segment, list_id, key, customer_id, operation, state as status, code, reason,
    attempt, run_id, last_tried_at
from dead_letter
order by destination, segment, operation, key
limit ?
"""
DRIFT = """
select destination, segment, list_id, key, kind, found_at
from drift
order by destination, segment, kind, key
limit ?
"""

# What people do not look for; `--json` has it.
OF_MACHINES = frozenset({"answered_at", "list_id", "release_id", "run_id", "idempotency_key"})
MOST_ROWS = 100

Most = Annotated[int, typer.Option("--most", min=1, help="How many at the most.")]
AsData = Annotated[bool, typer.Option("--json", help="For machines.")]


@activation_app.command("runs")
def runs_command(
    to: Annotated[str | None, typer.Option("--to", help="One destination.")] = None,
    most: Most = 20,
    as_data: AsData = False,
) -> None:
    """Show the latest runs, each with what was counted."""
    _show(_asked(RUNS, [to, most]), as_data, "nothing was ever sent")


@activation_app.command("run")
def run_command(
    run_id: Annotated[str, typer.Argument(help="As `rapport activation runs` shows it.")],
    as_data: AsData = False,
) -> None:
    """Show one run, segment by segment."""
    _show(_asked(SEGMENTS, [run_id]), as_data, f"there is no run {run_id}, or it came to no list")


@activation_app.command("rows")
def rows_command(
    run_id: Annotated[str | None, typer.Option("--run", help="Of one run.")] = None,
    customer_id: Annotated[str | None, typer.Option("--customer", help="Of one customer.")] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="Of one segment.")] = None,
    most: Annotated[
        int | None,
        typer.Option("--most", min=1, help="How many at the most; 100 on a screen."),
    ] = None,
    as_data: AsData = False,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write them, all columns, for a spreadsheet.")
    ] = None,
) -> None:
    """Show rows, the latest first: who, where, what was asked and what became of it."""
    if csv and csv.exists():
        raise typer.BadParameter(f"{csv} is there already", param_hint="--csv")
    asked = {"run_id": run_id, "customer_id": customer_id, "segment": segment}
    rows = _asked(ROWS, asked | {"most": most or (-1 if csv else MOST_ROWS)})  # -1: all
    if csv and rows:
        _write(rows, csv)
    else:
        _show(rows, as_data, "there are no such rows", hidden=OF_MACHINES)


@activation_app.command("dead")
def dead_command(most: Most = 100, as_data: AsData = False) -> None:
    """Show what was not taken, with code and reason; every run tries it again."""
    _show(_asked(DEAD, [most]), as_data, "everything was taken", hidden=OF_MACHINES)


@activation_app.command("drift")
def drift_command(most: Most = 100, as_data: AsData = False) -> None:
    """Show what the lists have otherwise than the account, as they were last read."""
    _show(_asked(DRIFT, [most]), as_data, "the lists are as the account says")


def print_ran(ran: Ran) -> None:
    """Show what a run did, or what a dry run would do."""
    console = _console()
    what = "would go" if not ran.run_id else "went"
    console.print(
        f"[bold]{ran.destination}[/]: release {ran.release_id} {what} there; who said no was asked "
        f"for until the night of {ran.asked_until}"
        + ("; removals only" if ran.mode == "removals" else ""),
        soft_wrap=True,
    )
    names = ("in release", "wanted", "there", "add", "remove", "held", "verdict")
    table = Table("segment", "list", *names, box=box.SIMPLE)
    for column in table.columns[2:8]:
        column.justify = "right"
    for each in ran.segments:
        counts = each.counts
        numbers = (counts.source, counts.wanted, counts.there, each.adds, each.removes, counts.held)
        table.add_row(
            each.segment,
            each.list_id or "to be made" if counts.wanted else each.list_id,
            *(f"{number:,}" for number in numbers),
            each.verdict,
        )
    console.print(table)
    for each in ran.segments:
        for note in each.notes:
            console.print(f"  {each.segment}: {note}", markup=False, soft_wrap=True)
        if each.counts.drift_gone or each.counts.drift_foreign:
            console.print(
                f"  {each.segment}: somebody else took {each.counts.drift_gone:,} off and put "
                f"{each.counts.drift_foreign:,} there",
                markup=False,
                soft_wrap=True,
            )
        if each.reason:
            console.print(f"  {each.segment}: {each.reason}", markup=False, soft_wrap=True)
    if ran.run_id:
        counted = [asdict(each.counts) for each in ran.segments]
        total = {n: sum(each[n] for each in counted) for n in ("sent", "accepted", "rejected")}
        console.print(
            f"  {total['sent']:,} rows sent, {total['accepted']:,} taken, {total['rejected']:,} "
            f"refused; `rapport activation run {ran.run_id}`",
            soft_wrap=True,
        )
    for limit in ran.limits:
        share = "" if limit.share is None else f", {limit.share:.0%} of the limit"
        console.print(f"  {limit.name}: {limit.calls:,} calls{share}", soft_wrap=True)


def _asked(sql: str, parameters: Any) -> list[dict[str, Any]]:
    folder = Settings.from_env().activation_dir
    if not (folder / FILE).is_file():
        return []
    with opened(folder) as account:
        return account.query(sql, parameters)


def _write(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows, which may hold a vendor's words, as a file that is harmless to open."""
    import pyarrow as pa  # loads what only a file needs

    from rapport.export import write_for_people

    write_for_people(pa.Table.from_pylist(rows), path)
    typer.echo(f"{path}: {len(rows):,} rows")


def _show(
    rows: Sequence[dict[str, Any]], as_data: bool, otherwise: str, hidden: Container[str] = ()
) -> None:
    if as_data:
        typer.echo(json.dumps(list(rows), indent=2))
        return
    if not rows:
        typer.echo(otherwise)
        return
    table = Table(box=box.SIMPLE)
    names = [name for name in rows[0] if name not in hidden]
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(_shown(name, row[name]) for name in names))
    _console().print(table)


def _shown(name: str, value: Any) -> str:
    """A cell for people: times to the minute."""
    if isinstance(value, int):
        return f"{value:,}"
    return str(value or "")[:16].replace("T", " ") if name.endswith("_at") else str(value or "")


def _console() -> Console:
    """What a pipe is given may be as wide as it is."""
    return Console(width=None if sys.stdout.isatty() else 240, highlight=False)
