"""``rapport sources``: check and show what the firm has."""

import json
import os
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapport.settings import Settings
from rapport.sources.declared import FILE, declared, sources_page
from rapport.sources.streams import BOOKS


def sources_command(
    as_data: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
    as_page: Annotated[bool, typer.Option("--page", help="As docs/sources.md.")] = False,
) -> None:
    """Check the firm's sources.yml and show which streams are pulled, and which are not and why."""
    if as_page:
        typer.echo(sources_page(), nl=False)
        return
    settings = Settings.from_env()
    # Of connections those of the environment are seen here; Airflow knows of others too.
    there = declared(
        settings, lambda each: bool(os.environ.get(f"AIRFLOW_CONN_RAPPORT_{each.upper()}"))
    )
    if as_data:
        found = {"said_by": there.said_by, "pulled": there.names, "left_out": there.left_out}
        typer.echo(json.dumps(found, indent=2))
        return
    said = {
        "company": f"no {settings.home / FILE}; a company of the sandbox has all sources",
        "connections": f"no {settings.home / FILE}; what has a connection or was ever pulled",
    }
    typer.echo(f"read: {said.get(there.said_by, there.said_by)}")
    table = Table("source", "pulled", "left out", box=box.SIMPLE)
    by_source: dict[str, tuple[list[str], list[str]]] = {}
    for column, names in enumerate((there.names, there.left_out)):
        for name in names:
            source, _, stream = name.partition(".")
            if stream in BOOKS:  # what a pull notes for itself
                continue
            by_source.setdefault(source, ([], []))[column].append(stream)
    for source, (pulled, left_out) in by_source.items():
        table.add_row(source, ", ".join(pulled), ", ".join(left_out))
    Console().print(table)
    for each in there.mapped:
        for of in each.tables:
            onto = ", ".join(mapped.stream for mapped in of.mapped)
            typer.echo(f"{each.name}.{of.name} ({each.kind}) is mapped onto {onto}: {each.said_in}")
