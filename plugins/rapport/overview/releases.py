"""The page's part on releases: which there are, how they differ, which one readers have."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from markupsafe import Markup

from rapport.overview.words import link, moment
from rapport.pages import NOTHING, age_in_words, counted, number, size_in_words
from rapport.release import ReleaseInfo, list_releases, report_path
from rapport.release.store import MANIFEST, withdrawn
from rapport.report.words import Column, Section, Table, short_day, signed

NAMED_TABLES = 4


@dataclass(frozen=True)
class Releases:
    """The folder of releases at one moment.

    Attributes:
        infos: the releases, the newest night first.
        manifests: by release id, those that can be read.
        gone: the releases that a rollback took away from readers.
        in_postgres: the one that BI tools were given last; None where they were given none.
    """

    infos: Sequence[ReleaseInfo]
    manifests: Mapping[str, Mapping[str, Any]]
    gone: frozenset[str]
    in_postgres: str | None = None

    @property
    def current(self) -> ReleaseInfo | None:
        """The one that readers get."""
        return next((info for info in self.infos if info.is_current), None)

    def before(self, info: ReleaseInfo) -> ReleaseInfo | None:
        """The release that a release is compared with: of the latest earlier night."""
        earlier = [
            other
            for other in self.infos
            if other.as_of < info.as_of and other.rows and not other.reduction
        ]
        return earlier[0] if earlier else None


def read_releases(releases_dir: Path) -> Releases:
    """Read what there is; a release that is damaged is there without its manifest."""
    from rapport.bi import given_to_postgres

    infos = list_releases(releases_dir)
    manifests = {info.release_id: _manifest(info.path) for info in infos if not info.note}
    return Releases(
        infos,
        {release_id: manifest for release_id, manifest in manifests.items() if manifest},
        frozenset(withdrawn(releases_dir)),
        given["release_id"] if (given := given_to_postgres(releases_dir)) else None,
    )


def _manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):  # removed or damaged in the meantime
        return None
    return manifest


def releases(found: Releases, now: datetime) -> Section:
    """Every release on disk, beside the one before it."""
    section = ("releases", "Releases: what readers have, and had")
    if not found.infos:
        return Section(*section, "There is no release yet; the first night that passes makes one.")
    bad = [info.release_id for info in found.infos if info.note]
    disk = size_in_words(sum(info.size for info in found.infos))
    said = f"{counted(len(found.infos), 'release')} on disk, {disk}. "
    current = found.current
    said += f"Readers have {current.release_id}." if current else "Readers have none of them."
    said += _in_postgres(found)
    if bad:
        said += (
            f" Damaged: {', '.join(bad)}; `rapport releases verify` says what, and the night that "
            "it shows mends it when it is run again."
        )
    return Section(*section, said, tables=[_table(found, now)])


def _in_postgres(found: Releases) -> str:
    if found.in_postgres is None:
        return ""
    current = found.current
    if current and found.in_postgres == current.release_id:
        return " So has Postgres."
    return (
        f" Postgres has {found.in_postgres}: the load failed or goes on (runbook: bi_load_failed)."
    )


def _table(found: Releases, now: datetime) -> Table:
    return Table(
        "Every release on disk, the newest night first",
        (
            Column("night", "night"),
            Column("release", "release"),
            Column("", "mark"),
            Column("", "report"),
            Column("published (UTC)", "published"),
            Column("age", "age", "number"),
            Column("checks", "checks", "number"),
            Column("warnings", "warnings", "number"),
            Column("size", "size", "number"),
            Column("rows", "rows", "number"),
            Column("more rows", "more", "number"),
        ),
        [_row(found, info, now) for info in found.infos],
        below="tables",
        folded=False,
        reading="Rows beside the release of the night before, and the tables that changed most.",
    )


def _row(found: Releases, info: ReleaseInfo, now: datetime) -> dict[str, Any]:
    manifest = found.manifests.get(info.release_id, {})
    gate = manifest.get("gate") or {}
    at = info.published_at
    before = found.before(info) if info.rows else None
    total = sum(info.rows.values())
    return {
        "night": short_day(info.as_of),
        "release": Markup("<code>{}</code>").format(info.release_id),
        "mark": _mark(found, info),
        "report": _report(info),
        "published": moment(at) if at else NOTHING,
        "age": age_in_words((now - at).total_seconds()) if at else NOTHING,
        "checks": number(gate.get("evaluated")),
        "warnings": number(info.warnings),
        "size": size_in_words(info.size) or NOTHING,
        "rows": number(total) if info.rows else NOTHING,
        "more": signed(total - sum(before.rows.values())) if before else NOTHING,
        "tables": _changed(info, before),
    }


def _mark(found: Releases, info: ReleaseInfo) -> Markup | str:
    if info.note:
        return Markup('<b class="bad">damaged</b>{}').format(", current" * info.is_current)
    if info.is_current:
        return Markup('<b class="good">current{}</b>').format(", reduced" * bool(info.reduction))
    if info.reduction:
        return "reduced"
    return "withdrawn" if info.release_id in found.gone else ""


def _report(info: ReleaseInfo) -> Markup | str:
    path = report_path(info.path)
    return link(f"releases/{path.name}", "report") if path.is_file() else NOTHING


def _changed(info: ReleaseInfo, before: ReleaseInfo | None) -> str:
    """Name the tables whose number of rows changed most."""
    if info.note:
        return info.note
    if info.reduction:
        return f"{info.reduction.told()}."
    if not before:
        return "There is no earlier one to compare it with."
    changes = {
        name: info.rows.get(name, 0) - before.rows.get(name, 0)
        for name in sorted({*info.rows, *before.rows})
    }
    most = sorted((name for name in changes if changes[name]), key=lambda n: -abs(changes[n]))
    if not most:
        return "Every table has as many rows as before."
    named = [f"{name.partition('.')[2]} {signed(changes[name])}" for name in most[:NAMED_TABLES]]
    more = f", and {len(most) - NAMED_TABLES} more" if len(most) > NAMED_TABLES else ""
    return f"{', '.join(named)}{more}"
