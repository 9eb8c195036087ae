"""``rapport maintain`` and the DAG's task: expire releases, and look whether all is as it was."""

import logging
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import typer

from rapport.errors import RapportError
from rapport.settings import Settings

logger = logging.getLogger(__name__)


@dataclass
class Kept:
    """What was found.

    Attributes:
        expired: releases that were removed.
        releases: how many were compared with their checksums and signatures.
        files: how many of the landing were read to the last value.
        problems: what is not as it was written, a line each.
    """

    expired: list[str] = field(default_factory=list)
    releases: int = 0
    files: int = 0
    problems: list[str] = field(default_factory=list)


def maintain(settings: Settings) -> Kept:
    """Remove releases beyond those that are kept, and read everything that must not change.

    Nothing is mended: a release that is damaged is made anew by its night, a damaged file of the
    landing is set aside by the next pull.

    Args:
        settings: where all is, and how many nights' releases stay.

    Raises:
        ReleaseError: the folder of releases cannot be changed.
    """
    from rapport import landing, release
    from rapport.erasure import open_requests

    found = Kept(expired=release.expire(settings.releases_dir, keep=settings.keep_releases))
    for info in release.list_releases(settings.releases_dir):
        found.releases += 1
        for problem in release.verify_release(info.path):
            found.problems.append(f"release {info.release_id}: {problem}")
    for source in sorted(folder.name for folder in settings.landing_dir.glob("[!.]*/")):
        found.files += len(landing.kept(settings.landing_dir, source)[1])
        damaged = landing.damaged_files(settings.landing_dir, source, date.max, thorough=True)
        found.problems += [f"landing {source}/{name}: {why}" for name, why in damaged.items()]
    found.problems += [f"account of activation: {said}" for said in _of_the_account(settings)]
    found.problems += [
        f"erasure {request} is open: `rapport erase` goes on with it"
        for request in open_requests(settings)
    ]
    return found


def _of_the_account(settings: Settings) -> list[str]:
    """Ask SQLite whether the account's file is whole."""
    import sqlite3
    from contextlib import closing

    from rapport.activation.account import FILE

    path = settings.activation_dir / FILE
    if not path.is_file():
        return []
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        said = [str(line) for (line,) in db.execute("pragma integrity_check").fetchall()]
        return [line for line in said if line != "ok"]
    return [f"{path} cannot be read"]


def maintain_command() -> None:
    """Remove old releases and check that releases, landing and account are as they were written.

    Exits with 1 if anything is not.
    """
    found = maintain(Settings.from_env())
    if found.expired:
        typer.echo(f"removed: {', '.join(found.expired)}")
    typer.echo(f"{found.releases} releases and {found.files:,} landed files were read")
    for problem in found.problems:
        typer.echo(problem)
    raise typer.Exit(1 if found.problems else 0)


def maintain_warehouse() -> dict[str, Any]:
    """Do it as the weekly task; return counts.

    Raises:
        RapportError: something is not as it was written; the message names all of it.
    """
    found = maintain(Settings.from_env())
    logger.info("%s releases and %s landed files were read", found.releases, f"{found.files:,}")
    for problem in found.problems:
        logger.error("%s", problem)
    if found.problems:
        raise RapportError(
            f"{len(found.problems)} things are not as they were written: "
            + "; ".join(found.problems[:5])
        )
    return asdict(found)
