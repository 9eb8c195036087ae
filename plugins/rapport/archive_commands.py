"""``rapport archive``: the copy in object storage: pushed, verified, brought back."""

import typer

from rapport.archive import Copied, Store, push, restore, verify
from rapport.errors import SettingsError
from rapport.pages import size_in_words
from rapport.settings import Settings

archive_app = typer.Typer(
    help="The copy in object storage: push, verify, restore.", no_args_is_help=True
)


@archive_app.command("push")
def push_command() -> None:
    """Send what the archive lacks of landing and releases, as every night does."""
    settings = Settings.from_env()
    typer.echo(told("sent", push(settings, archive_of(settings))))


@archive_app.command("verify")
def verify_command() -> None:
    """Compare what is in the archive with its checksums; exit with 1 if it is damaged."""
    damaged = False
    for what, problems in verify(archive_of(Settings.from_env())):
        damaged = damaged or bool(problems)
        typer.echo(f"{what}: {'; '.join(problems) or 'whole'}")
    raise typer.Exit(1 if damaged else 0)


@archive_app.command("restore")
def restore_command() -> None:
    """Bring back into the home what it lacks; what is there stays as it is."""
    settings = Settings.from_env()
    typer.echo(told("brought back", restore(settings, archive_of(settings))))


def archive_a_switch(settings: Settings) -> None:
    """Let readers of the archive have what a command has just made current; say so."""
    if settings.archive:
        push(settings, Store(settings.archive))
        typer.echo(f"and in {settings.archive}")


def archive_of(settings: Settings) -> Store:
    """Return the archive of an installation.

    Raises:
        SettingsError: it has none.
    """
    if settings.archive is None:
        raise SettingsError("RAPPORT_ARCHIVE is not set, so there is no archive")
    return Store(settings.archive)


def told(done: str, copied: Copied) -> str:
    """Say in a line what was copied."""
    what = f"{copied.files:,} files, {size_in_words(copied.bytes)}" if copied.files else "nothing"
    parts = [f"{done}: {what}"]
    parts += [f"releases {', '.join(copied.releases)}"] if copied.releases else []
    parts += [f"removed {', '.join(copied.removed)}"] if copied.removed else []
    parts += [f"current: {copied.current or 'none yet'}", *copied.damaged]
    return "; ".join(parts)
