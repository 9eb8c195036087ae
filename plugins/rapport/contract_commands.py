"""``rapport contract``: what a source has to say, stream by stream."""

from pathlib import Path
from typing import Annotated

import typer

from rapport.contract import INDEX, contract_pages, read_contract
from rapport.errors import SettingsError
from rapport.settings import Settings


def contract_command(
    stream: Annotated[str, typer.Argument(help="The stream; all in short if left out.")] = "",
    pages: Annotated[
        Path | None, typer.Option(help="Write all pages into this folder, as docs/contract.")
    ] = None,
) -> None:
    """Show the contract of the canonical streams: types, units, signs, keys, what may be absent."""
    written = contract_pages(read_contract(Settings.from_env().dbt_project_dir))
    if pages:
        pages.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            (pages / name).write_text(text)
        return
    page = f"{stream or INDEX}.md"
    if page not in written:
        known = ", ".join(name.removesuffix(".md") for name in written if name != f"{INDEX}.md")
        raise SettingsError(f"there is no stream {stream}; there are {known}")
    typer.echo(written[page], nl=False)
