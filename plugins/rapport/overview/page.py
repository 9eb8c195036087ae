"""The page itself: the state in words, then the parts."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from rapport import pages
from rapport.build.project import docs_path
from rapport.build.record import read_record
from rapport.errors import ReportError
from rapport.overview.activation import activation
from rapport.overview.gates import gates
from rapport.overview.nights import ACTIVE, OUTCOMES, Nights, Run, nights, steps
from rapport.overview.releases import Releases, read_releases, releases
from rapport.overview.sources import sources
from rapport.overview.words import (
    DAG_PAGE,
    DATA_DOCS,
    DBT_DOCS,
    airflow_link,
    link,
    moment,
    run_link,
    runbook_of,
    took,
)
from rapport.pages import age_in_words, day
from rapport.release import report_path
from rapport.report.night import opened
from rapport.report.segments import segments
from rapport.report.words import Section, Shaded, listed, sentence
from rapport.settings import Settings

if TYPE_CHECKING:
    from jinja2 import Template

SCRIPT = (Path(__file__).parent / "frame.js").read_text(encoding="utf-8").strip()
# What a Content-Security-Policy lets run: this script and no other.
SCRIPT_HASH = f"'sha256-{b64encode(sha256(SCRIPT.encode()).digest()).decode()}'"


@dataclass(frozen=True)
class Tile:
    """One figure of the state."""

    figure: str
    what: str
    kind: str = ""


def page_of(settings: Settings, told: Nights, now: datetime) -> str:
    """Return the page as HTML.

    Args:
        settings: of the installation.
        told: what Airflow knows of its nights.
        now: the moment it is asked at.
    """
    found = read_releases(settings.releases_dir)
    current = found.current
    manifest = found.manifests.get(current.release_id) if current else None
    parts = [
        nights(told, now),
        steps(told, read_record(settings.build_record_path)),
        gates(settings.data_docs_dir, told.last),
        releases(found, now),
        _segments(found),
        activation(settings.activation_dir),
        sources(manifest, settings.landing_dir, told, now),
    ]
    return _template().render(
        tiles=_tiles(told, found, now),
        state=_state(told, found, now),
        links=_links(settings),
        runbooks=_runbooks(settings.project_dir / "docs" / "runbooks"),
        sections=[part for part in parts if part],
        company=settings.company,
        asked_at=moment(now),
        script_hash=SCRIPT_HASH,
    )


def _tiles(told: Nights, found: Releases, now: datetime) -> list[Tile]:
    """What is known of the current release and of the newest night, in figures."""
    tiles = []
    if current := found.current:
        tiles.append(Tile(day(current.as_of), "is the night that readers have"))
        if at := current.published_at:
            tiles.append(Tile(age_in_words((now - at).total_seconds()), "since it was published"))
    if last := told.last:
        kind = {"success": "good", "failed": "bad"}.get(last.state, "")
        tiles.append(Tile(OUTCOMES.get(last.state, last.state), last.name, kind))
        if (seconds := last.seconds(now)) is not None:
            what = "so far" if last.state in ACTIVE else "is what it took"
            tiles.append(Tile(took(seconds), what))
    return tiles


def _state(told: Nights, found: Releases, now: datetime) -> list[Markup]:
    """Say in sentences which release readers have, and how the last night went."""
    return [
        _release_in_words(found, now),
        *(
            _night_in_words(told, told.last, now)
            if told.last
            else [Markup("No night has run yet.")]
        ),
        *_next(told),
    ]


def _release_in_words(found: Releases, now: datetime) -> Markup:
    current = found.current
    if not current:
        return Markup("There is no release yet, so readers have nothing.")
    at = current.published_at
    said = Markup("Readers have release <code>{}</code> of the night of {}").format(
        current.release_id, day(current.as_of)
    )
    said += f", published {age_in_words((now - at).total_seconds())} ago." if at else "."
    if current.note:
        return said + Markup(
            ' <b class="bad">Its {}</b>: <code>rapport releases verify</code> says more, and the '
            "night run again mends it."
        ).format(current.note)
    report = report_path(current.path)
    if report.is_file():
        return said + Markup(" {}.").format(link(f"releases/{report.name}", "Read its report"))
    return said + Markup(" It has no report; <code>rapport releases report</code> makes it.")


def _night_in_words(told: Nights, last: Run, now: datetime) -> list[Markup]:
    """How the newest night went; of one that has not ended also how the one before it did."""
    name, time = run_link(last.run_id, sentence(last.name)), took(last.seconds(now) or 0)
    failed = told.named("failed")
    if last.state in ACTIVE:
        said = Markup("{} {}").format(name, OUTCOMES[last.state])
        if last.state == "running":
            said += f", for {time} now"
        running = told.named("running")
        said += f": {listed(running[:4])}." if running else "."
        said += f" Failed so far: {listed(failed)}." if failed else ""
        return [said + _what_to_do(failed), *map(_before, told.runs[1:2])]
    ended = f" at {moment(last.ended)} UTC" if last.ended else ""
    if last.state == "success":
        said = Markup("{} ended well{}, after {}.").format(name, ended, time)
        said += f" It went on without {listed(failed)}, which failed." if failed else ""
    else:
        said = Markup('{} <b class="bad">failed</b>{}, after {}').format(name, ended, time)
        said += f": {listed(failed)}." if failed else "."
    return [said + _what_to_do(failed)]


def _before(run: Run) -> Markup:
    name = run_link(run.run_id, run.name)
    return Markup("Before it, {} {}.").format(name, OUTCOMES.get(run.state, run.state))


def _what_to_do(failed: Sequence[str]) -> Markup:
    found = {page: None for task in failed if (page := runbook_of(task))}
    if not found:
        return Markup("")
    books = [link(f"runbooks/{page}", page.removesuffix(".md").replace("_", " ")) for page in found]
    return Markup(" What to do: {}.").format(Markup(", ").join(books))


def _next(told: Nights) -> list[Markup]:
    if told.is_paused:
        return [
            Markup(
                '<b class="bad">The nightly is paused</b>: no night begins by itself. {}.'
            ).format(airflow_link(DAG_PAGE, "Switch it on"))
        ]
    if told.next_at:
        return [Markup("The next one begins at {} UTC.").format(moment(told.next_at))]
    return []


def _links(settings: Settings) -> list[Markup]:
    docs = [
        (settings.data_docs_dir / "index.html", DATA_DOCS, "Data Docs: every check of both gates"),
        (docs_path(settings.dbt_project_dir), DBT_DOCS, "dbt docs: every model and column"),
    ]
    return [
        airflow_link(DAG_PAGE, "The nightly in Airflow"),
        *(link(href, text) for path, href, text in docs if path.is_file()),
    ]


def _runbooks(folder: Path) -> list[Markup]:
    pages = sorted(folder.glob("*.md"))
    return [link(f"runbooks/{path.name}", path.stem.replace("_", " ")) for path in pages]


def _segments(found: Releases) -> Section:
    """The report's own part on segments, of the release that readers have."""
    section = ("segments", "Segments: whom the current lists name")
    if not found.current:
        return Section(*section, "There is no release yet.")
    if found.current.note:
        return Section(*section, f"The release cannot be read: {found.current.note}.")
    try:
        return _segments_of(
            found.current.path, tuple(info.release_id for info in found.infos), found.gone
        )
    except ReportError as error:
        return Section(*section, f"The release cannot be read: {error}.")


@lru_cache(maxsize=8)
def _segments_of(folder: Path, there: tuple[str, ...], gone: frozenset[str]) -> Section:
    """A release never changes; what it is compared with hangs on the others that are there."""
    with opened(folder, memory_limit="512MB", threads=1) as night:
        return segments(night)


@cache
def _template() -> "Template":
    environment = pages.environment(
        Path(__file__).parent, Path(segments.__code__.co_filename).parent
    )
    environment.tests["shaded"] = lambda cell: isinstance(cell, Shaded) and cell.shade
    return environment.get_template("overview.html.jinja")
