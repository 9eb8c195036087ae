"""``rapport export``: a table of a release as a file, for a spreadsheet or another program."""

from pathlib import Path
from typing import Annotated

import typer

from rapport.errors import SettingsError
from rapport.export import export
from rapport.pages import counted, size_in_words
from rapport.release import find_release
from rapport.release_commands import ReleasesDir, releases_folder


def export_command(
    mart: Annotated[str, typer.Argument(help="The table, with its schema or without.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="For programs; however many rows.")] = False,
    as_xlsx: Annotated[bool, typer.Option("--xlsx", help="For people, in a spreadsheet.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="The file; <table>_<night> in this folder by default.")
    ] = None,
    release_id: Annotated[
        str | None, typer.Option("--release", help="The release; the current one by default.")
    ] = None,
    directory: ReleasesDir = None,
) -> None:
    """Write a table of a release into a file; no spreadsheet takes a text in it for a formula.

    Only its owner can read the file, and it appears as a whole, in place of one that is there.
    """
    if as_csv == as_xlsx:
        raise SettingsError("say what the file is to be: --csv or --xlsx")
    done = export(
        find_release(releases_folder(directory), release_id).path,
        mart,
        kind="csv" if as_csv else "xlsx",
        out=out,
    )
    size = size_in_words(done.path.stat().st_size)
    typer.echo(f"{done.path}: {counted(done.rows, 'row')} of {done.table}, {size}")
