"""``rapport releases``: what was published, whether it is whole, its report, the way back, less."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from rapport.errors import ReleaseError, ReportError
from rapport.release import (
    ReleaseInfo,
    current_release,
    history,
    list_releases,
    rollback,
    subtract_opt_outs,
    verify_release,
)
from rapport.release.store import CURRENT
from rapport.report import write_report
from rapport.settings import Settings
from rapport.sources.declared import declared

releases_app = typer.Typer(
    help="Published releases: list, verify, report, roll back, subtract.", no_args_is_help=True
)

ReleasesDir = Annotated[
    Path | None,
    typer.Option("--dir", help="Folder of releases; the installation's own by default."),
]


@releases_app.command("list")
def list_command(directory: ReleasesDir = None) -> None:
    """Show the releases on disk, the newest night first; readers get the marked one."""
    folder = _folder(directory)
    table = Table("release", "tables", "rows", "published (UTC)", "", box=box.SIMPLE)
    table.columns[0].no_wrap = True
    published = {
        event.get("release_id"): str(event.get("at", ""))[:16].replace("T", " ")
        for event in history(folder)
    }
    for info in list_releases(folder):
        table.add_row(
            info.release_id,
            str(len(info.rows)),
            f"{sum(info.rows.values()):,}",
            published.get(info.release_id, ""),
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
        Console().print(table)
    else:
        typer.echo(f"no release in {folder}")


@releases_app.command("verify")
def verify_command(
    release_id: Annotated[str | None, typer.Argument(help="One release; all by default.")] = None,
    directory: ReleasesDir = None,
) -> None:
    """Compare releases with their checksums; exit with 1 if one is damaged."""
    damaged = False
    for info in _chosen(_folder(directory), release_id):
        problems = verify_release(info.path)
        damaged = damaged or bool(problems)
        typer.echo(f"{info.release_id}: {'; '.join(problems) or 'whole'}")
    raise typer.Exit(1 if damaged else 0)


@releases_app.command("report")
def report_command(
    release_id: Annotated[
        str | None, typer.Argument(help="One release; the current one by default.")
    ] = None,
    directory: ReleasesDir = None,
) -> None:
    """Make the report of a release again and say where it is."""
    folder = _folder(directory)
    [info, *_] = _chosen(folder, release_id or current_release(folder) or CURRENT)
    try:
        typer.echo(write_report(info.path))
    except (ReleaseError, ReportError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@releases_app.command("rollback")
def rollback_command(
    release_id: Annotated[str, typer.Argument(help="The release that readers get from now on.")],
    why: Annotated[str, typer.Option(help="The reason; it is kept in the history.")],
    directory: ReleasesDir = None,
) -> None:
    """Make an earlier release current; it is verified first."""
    folder = _folder(directory)
    before = current_release(folder)
    try:
        rollback(folder, release_id, why=why)
    except ReleaseError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"current: {before} -> {release_id}")
    typer.echo("who said no since its night is on its lists; `rapport releases subtract` ends that")


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
    night = as_of.date() if as_of else max(known)
    info = subtract_opt_outs(settings, night, declared=declared(settings, lambda _: True))
    if info and info.reduction:
        typer.echo(f"current: {info.release_id}, {info.reduction.told()}")
    else:
        typer.echo("nobody is to be taken out")


def _folder(directory: Path | None) -> Path:
    return directory or Settings.from_env().releases_dir


def _chosen(folder: Path, release_id: str | None) -> list[ReleaseInfo]:
    found = [info for info in list_releases(folder) if release_id in (None, info.release_id)]
    if not found:
        typer.echo(f"no release {release_id or ''} in {folder}".replace("  ", " "), err=True)
        raise typer.Exit(1)
    return found
