"""``rapport source``: declare a source of one's own, and see what becomes of it."""

from pathlib import Path
from typing import Annotated

import typer

from rapport.contract import read_contract
from rapport.errors import SettingsError
from rapport.policy import policies_of
from rapport.settings import Settings
from rapport.sources.mapped.declaration import FOLDER, NAME, SHIPPED

source_app = typer.Typer(no_args_is_help=True, help="Sources that a firm declares itself.")


@source_app.command("new")
def new_command(
    where: Annotated[
        str, typer.Argument(help="A file, a folder of files, an API's or a database's address.")
    ],
    name: Annotated[str, typer.Option(help="What the source is called; found if left out.")] = "",
    uses: Annotated[str, typer.Option(help="A mapping that ships; found if left out.")] = "",
) -> None:
    """Write a first mapping from a sample. Nothing is overwritten, and nothing lands."""
    from rapport.mapping.first import first_mapping, table_name
    from rapport.mapping.sampled import place_of

    settings = Settings.from_env()
    shipped = sorted(path.stem for path in SHIPPED.glob("*.yml"))
    if uses and uses not in shipped:
        raise SettingsError(f"--uses {uses}: no such mapping ships; there are {', '.join(shipped)}")
    name = name or table_name(Path(where.rstrip("/")).name.partition(".")[0])
    if not NAME.fullmatch(name):
        raise SettingsError(
            f"--name {name}: a source is called by lower-case letters, digits and _, a letter first"
        )
    path = settings.home / FOLDER / f"{name}.yml"
    if path.exists():
        raise SettingsError(f"{path} is there already; change it, or say another --name")
    contract = {stream.name: stream for stream in read_contract(settings.dbt_project_dir)}
    clock = str(policies_of(settings).variables()["reporting_time_zone"])
    place = place_of(where, settings.home, clock=clock)
    first = first_mapping(place, contract, uses)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(first.text)
    if first.uses:
        typer.echo(f"{where} has the shape of {first.uses}, whose mapping ships with Rapport")
    for table, streams in first.streams.items():
        typer.echo(f"{table}: {', '.join(streams) or 'of no stream that is known'}")
    if first.questions:
        typer.echo(f"{first.questions} things could not be told: they stand behind `# ?`")
    typer.echo(f"wrote {path}; `rapport source check {name}` shows what becomes of it")
