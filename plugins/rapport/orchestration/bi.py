"""``rapport bi``: give BI tools a release in Postgres, by hand; whoever switches calls it too."""

import os
from typing import Annotated

import typer

from rapport.errors import SettingsError
from rapport.release_commands import ReleasesDir, releases_folder
from rapport.settings import Settings
from rapport.sources.connection import Connection

bi_app = typer.Typer(help="Releases in Postgres, for BI tools: load.", no_args_is_help=True)
VARIABLE = "AIRFLOW_CONN_RAPPORT_BI"


@bi_app.command("load")
def load_command(
    release_id: Annotated[
        str | None,
        typer.Argument(help="One to have beside the current one; the current one by default."),
    ] = None,
    directory: ReleasesDir = None,
) -> None:
    """Load a release into Postgres, unless it is there, and let BI tools have the current one."""
    from rapport import bi
    from rapport.orchestration.connections import bi_connection

    settings, folder = Settings.from_env(), releases_folder(directory)
    connection = bi_connection()
    if connection is None:
        raise SettingsError(
            f"there is no connection rapport_bi here; set {VARIABLE} (what was made in Airflow's "
            "UI only its tasks know)"
        )
    has = bi.load(
        connection,
        folder,
        release_id,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )
    typer.echo(f"BI tools have {has or 'nothing, as there is no release yet'}")


def follow(settings: Settings, connection: Connection) -> str | None:
    """Let Postgres follow the current release; return what it has.

    Raises:
        BiError: it could not be given it; its readers have what they had.
        SourceError: the database refuses, or cannot be reached; likewise.
    """
    from rapport import bi

    return bi.load(
        connection,
        settings.releases_dir,
        memory_limit=settings.memory_limit,
        threads=settings.threads,
    )


def follow_a_switch(settings: Settings) -> None:
    """Let Postgres follow what a command has just made current; say so."""
    if not os.environ.get(VARIABLE):  # all that a shell knows of connections, and Airflow is slow
        return
    from rapport.orchestration.connections import bi_connection

    if connection := bi_connection():
        typer.echo(f"BI tools have {follow(settings, connection)} too")
