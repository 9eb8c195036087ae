"""``rapport source``: declare a source of one's own, and see what becomes of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rapport.errors import SettingsError
from rapport.settings import Settings

if TYPE_CHECKING:
    from rapport.contract import Stream
    from rapport.mapping.checked import Checked, Fault

source_app = typer.Typer(no_args_is_help=True, help="Sources that a firm declares itself.")
console = Console(highlight=False)


@source_app.command("new")
def new_command(
    where: Annotated[
        str, typer.Argument(help="A file, a folder of files, an API's or a database's address.")
    ],
    name: Annotated[str, typer.Option(help="What the source is called; found if left out.")] = "",
    uses: Annotated[str, typer.Option(help="A mapping that ships; found if left out.")] = "",
) -> None:
    """Write a first mapping from a sample. Nothing is overwritten, and nothing lands."""
    from rapport.mapping.first import first_mapping, table_name  # what no other command needs
    from rapport.mapping.sampled import place_of
    from rapport.policy import policies_of
    from rapport.sources.mapped.declaration import FOLDER, SHIPPED, fault_of_name

    settings = Settings.from_env()
    shipped = sorted(path.stem for path in SHIPPED.glob("*.yml"))
    if uses and uses not in shipped:
        raise SettingsError(f"--uses {uses}: no such mapping ships; there are {', '.join(shipped)}")
    name = name or table_name(Path(where.rstrip("/")).name.partition(".")[0])
    if fault := fault_of_name(name):
        raise SettingsError(f"--name {name}: {fault}")
    path = settings.home / FOLDER / f"{name}.yml"
    if path.exists():
        raise SettingsError(f"{path} is there already; change it, or say another --name")
    clock = str(policies_of(settings)["reporting_time_zone"].value)
    token = _token(name) if where.startswith("http") else ""
    place = place_of(where, settings.home, clock=clock, token=token)
    first = first_mapping(place, _contract(settings), uses)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(first.text)
    if first.uses:
        console.print(f"it has the shape of {first.uses}, whose mapping ships with Rapport")
    for table, streams in first.streams.items():
        console.print(f"{table}: {', '.join(streams) or 'of no stream that is known'}")
    if first.questions:
        console.print(f"{_counted(first.questions, 'thing')} could not be told: see `# ?` in it")
    console.print(
        f"wrote {path}; `rapport source check {name}` shows what becomes of it", soft_wrap=True
    )


@source_app.command("check")
def check_command(
    name: Annotated[str, typer.Argument(help="The source: its file's name in `sources`.")],
    rows: Annotated[
        int, typer.Option(min=1, help="How many rows of each file to look at.")
    ] = 10_000,
) -> None:
    """Show what becomes of a declared source, before anything of it lands."""
    from rapport.mapping.checked import checked  # what no other command needs
    from rapport.orchestration.connections import source_connection
    from rapport.sources.mapped import FOLDER, read_source

    settings = Settings.from_env()
    path = settings.home / FOLDER / f"{name}.yml"
    if not path.exists():
        there = sorted(each.stem for each in path.parent.glob("*.yml"))
        raise SettingsError(
            f"{path} is not there; there {'are ' + ', '.join(there) if there else 'is none yet'}. "
            "`rapport source new` writes one"
        )
    source = read_source(path, settings.home, settings.dbt_project_dir)
    connection = source_connection(name, source)
    tables = checked(settings, source, connection, _contract(settings), rows=rows)
    for table in tables:
        _show(table)
    unusable = [
        f"{each.table}: no row of {onto.stream} can be used"
        for each in tables
        for onto in each.onto
        if onto.rows and not onto.used
    ]
    if unusable:
        console.print(f"[red]{escape('; '.join(unusable))}[/]", soft_wrap=True)
        raise typer.Exit(1)


def _token(name: str) -> str:
    """What the connection of an API opens it with, if there is one already."""
    from rapport.orchestration.connections import is_connected, source_connection
    from rapport.sources.mapped import MappedSource

    if not is_connected(name):
        return ""
    return source_connection(name, MappedSource(name, "rest", "", (), Path(), {})).secret


def _contract(settings: Settings) -> "dict[str, Stream]":
    from rapport.contract import read_contract

    return {stream.name: stream for stream in read_contract(settings.dbt_project_dir)}


def _show(table: "Checked") -> None:
    console.print(f"\n[bold]{table.table}[/]: {_counted(table.rows, 'row')}")
    for fault in table.refused:
        _say(f"  refused, {_at(fault)}")
    for onto in table.onto:
        lost = sum(each.rows for each in onto.quarantine)
        _say(
            f"  [bold]-> {onto.stream}[/]: {_counted(onto.rows, 'row')}, {onto.used} used, "
            f"{onto.superseded} superseded, {lost} to quarantine"
        )
        shown = Table("column", "is", "filled", "like", box=box.SIMPLE, pad_edge=False)
        for said in onto.columns:
            filled = f"{said.filled / onto.rows:.0%}" if onto.rows else ""
            shown.add_row(said.column, escape(_short(said.sql)), filled, escape(said.like))
        console.print(shown)
        for fault in onto.quarantine:
            _say(f"  [yellow]quarantine[/], {_at(fault)}")
        for fault in onto.unreadable:
            _say(f"  [yellow]cannot be read[/], {_at(fault)}")
        by_loss: dict[str, list[str]] = {}
        for column, absent in onto.absent.items():
            by_loss.setdefault(absent, []).append(column)
        for absent, columns in by_loss.items():
            _say(f"  not mapped: {', '.join(columns)}. {escape(absent)}")
    if table.unmapped:
        _say(f"  nobody maps: {escape(', '.join(table.unmapped))}")


def _at(fault: "Fault") -> str:
    places: Sequence[str] = [*fault.places, *(["..."] if fault.rows > len(fault.places) else [])]
    where = f" ({', '.join(places)})" if fault.places else ""
    return escape(f"{_counted(fault.rows, 'row')}: {fault.reason}{where}")


def _short(sql: str) -> str:
    return sql if len(sql) <= 60 else sql[:59] + "…"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _say(line: str) -> None:
    console.print(line, soft_wrap=True)
