"""``rapport releases``: what was published, whether it is whole, its report, the way back, less."""

import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapport.errors import SettingsError
from rapport.landing import last_night
from rapport.pages import age_in_words, gate_in_words, size_in_words
from rapport.release import (
    current_release,
    find_release,
    list_releases,
    rollback,
    subtract_opt_outs,
    verify_release,
)
from rapport.report import write_report
from rapport.settings import Settings
from rapport.sources.declared import declared

releases_app = typer.Typer(
    help="Published releases: list, verify, report, roll back, subtract.", no_args_is_help=True
)

# What is called when a command has made another release current.
after_switch: list[Callable[[Settings], None]] = []

ReleasesDir = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of releases; the installation's own by default."),
]


@releases_app.command("list")
def list_command(directory: ReleasesDir = None) -> None:
    """Show the releases on disk, the newest night first; readers get the marked one."""
    folder = releases_folder(directory)
    table = Table("release", "gate", "rows", "size", "age", "", box=box.SIMPLE)
    for column in table.columns[:5]:
        column.no_wrap = True
        column.justify = "right" if column.header in ("rows", "size", "age") else "left"
    for info in list_releases(folder):
        table.add_row(
            info.release_id,
            gate_in_words(info.warnings),
            f"{sum(info.rows.values()):,}",
            size_in_words(info.size),
            "" if info.age_seconds is None else age_in_words(info.age_seconds),
            "; ".join(
                filter(
                    None,
                    [
                        "current" if info.is_current else info.note,
                        info.reduction.told() if info.reduction else "",
                    ],
                )
            ),
        )
    if table.row_count:
        # what a pipe is given may be as wide as it is
        Console(width=None if sys.stdout.isatty() else 160).print(table)
    else:
        typer.echo(f"no release in {folder} yet")


@releases_app.command("verify")
def verify_command(
    release_id: Annotated[str | None, typer.Argument(help="One release; all by default.")] = None,
    directory: ReleasesDir = None,
) -> None:
    """Compare releases with their checksums and signatures; exit with 1 if one is damaged."""
    folder = releases_folder(directory)
    chosen = [find_release(folder, release_id)] if release_id else list_releases(folder)
    if not chosen:
        typer.echo(f"no release in {folder} yet")
    damaged = False
    for info in chosen:
        problems = verify_release(info.path)
        damaged = damaged or bool(problems)
        typer.echo(f"{info.release_id}: {'; '.join(problems) or 'whole'}")
    raise typer.Exit(1 if damaged or not chosen else 0)


@releases_app.command("report")
def report_command(
    release_id: Annotated[
        str | None, typer.Argument(help="One release; the current one by default.")
    ] = None,
    directory: ReleasesDir = None,
) -> None:
    """Make the report of a release again and say where it is."""
    typer.echo(write_report(find_release(releases_folder(directory), release_id).path))


@releases_app.command("rollback")
def rollback_command(
    release_id: Annotated[str, typer.Argument(help="The release that readers get from now on.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept in the history.")],
    directory: ReleasesDir = None,
) -> None:
    """Make an earlier release current; it is verified first."""
    folder = releases_folder(directory)
    before = current_release(folder)
    rollback(folder, release_id, why=why)
    typer.echo(f"current: {before} -> {release_id}")
    typer.echo("who said no since its night is on its lists; `rapport releases subtract` ends that")
    if directory is None:  # of another folder nobody is a reader
        _tell(Settings.from_env())


@releases_app.command("subtract")
def subtract_command(
    as_of: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            help="Up to which night; the latest that any release knows by default.",
        ),
    ] = None,
) -> None:
    """Take who said no since off the lists of the current release, as after a rollback."""
    settings = Settings.from_env()
    known = [info.knows_until for info in list_releases(settings.releases_dir)]
    if not known:
        typer.echo(f"no release in {settings.releases_dir}", err=True)
        raise typer.Exit(1)
    night, had = as_of.date() if as_of else max(known), declared(settings, lambda _: True)
    landed = last_night(settings.landing_dir, had.sources)
    if as_of and landed and night > landed:  # no release of a night before it would be given out
        raise SettingsError(
            f"--as-of {night}: nothing has landed since the night of {landed}, and what has not "
            "landed nobody said"
        )
    info = subtract_opt_outs(settings, night, declared=had)
    if info and info.reduction:
        typer.echo(f"current: {info.release_id}, {info.reduction.told()}")
        _tell(settings)
    else:
        typer.echo("nobody is to be taken out")


def _tell(settings: Settings) -> None:
    """Let whoever has a copy of what was current follow."""
    for follow in after_switch:
        follow(settings)


def releases_folder(directory: Path | None) -> Path:
    """Return the folder of releases, the installation's own unless another is given.

    Raises:
        SettingsError: it is not there; an installation before its first release has none, which is
            no error while its home is there.
    """
    if directory is not None and not directory.is_dir():
        raise SettingsError(f"--dir: there is no folder {directory}")
    settings = Settings.from_env()
    if directory is None and not settings.home.is_dir():
        raise SettingsError(
            f"there is no folder {settings.home}, which the first night makes; RAPPORT_HOME says "
            "where else an installation is"
        )
    return directory or settings.releases_dir
