"""The page itself: the parts put together and written beside the release."""

import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from rapport import pages
from rapport.errors import ReportError
from rapport.pages import day
from rapport.release import report_path
from rapport.release.store import ASIDE, flush, locked
from rapport.report import (
    attribution,
    campaigns,
    customers,
    emotion,
    examples,
    journeys,
    known,
    needs,
    partners,
    pressure,
    programme,
    relationship,
    segments,
    trade,
    uplift,
    value,
    voice,
)
from rapport.report.night import Night, opened
from rapport.report.tiles import tiles
from rapport.report.words import TYPES, Section, Shaded, plain

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATE, PART = "page.html.jinja", "section.html.jinja"
SECTIONS = (  # what is acted on tonight first, then what it rests on
    segments.segments,
    uplift.silence,
    campaigns.results,
    uplift.uplift,
    trade.sales,
    value.value,
    journeys.flow,
    journeys.friction,
    attribution.attribution,
    emotion.emotion,
    voice.voice,
    examples.examples,
    needs.needs,
    known.unknown,
    relationship.portfolio,
    relationship.wanted_and_given,
    relationship.transitions,
    pressure.pressure,
    pressure.response,
    programme.health,
    partners.partners,
    partners.stores,
    campaigns.campaigns,
    customers.ten_of_each,
    known.policies,
)


def write_report(
    folder: Path, *, memory_limit: str | None = None, threads: int | None = None
) -> Path:
    """Make the report of a release and put it beside it; what was there is replaced.

    Args:
        folder: of the release, in its folder of releases.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Returns:
        Where the page is.

    Raises:
        ReportError: the release cannot be read, or was removed in the meantime, or the page cannot
            be written; the one that was there stays.
    """
    with opened(folder, memory_limit=memory_limit, threads=threads) as night:
        page = page_of(night).encode()
    target = report_path(folder)
    # Under the lock nobody removes the release, nor takes the half-written page for a leftover.
    with locked(folder.parent):
        if not folder.is_dir():
            raise ReportError(folder.name, "it was removed in the meantime")
        aside = folder.parent / f"{ASIDE}{os.getpid()}.html"
        try:
            aside.write_bytes(page)
            flush(aside)
            aside.replace(target)
            flush(folder.parent)
        except OSError as error:
            aside.unlink(missing_ok=True)
            reason = f"{target} cannot be written: {error.strerror or type(error).__name__}"
            raise ReportError(folder.name, reason) from error
    return target


def page_of(night: Night) -> str:
    """Return the report of a release as one page of HTML."""
    # A release of another version may know nothing of some of them.
    made: list[Section | None] = [section(night) for section in SECTIONS]
    sections = [section for section in made if section]
    return (
        _environment()
        .get_template(TEMPLATE)
        .render(
            release_id=night.release_id,
            as_of=day(night.as_of),
            last_day=day(night.last_day),
            time_zone=night.time_zone,
            before=night.before,
            reduction=night.reduction,
            gate=night.gate,
            tiles=tiles(night),
            sections=sections,
            types=[(plain(name), text) for name, text in TYPES.items()],
        )
    )


def part_of(section: Section) -> str:
    """Return one part of the page, to stand in another page beside its `style`."""
    return _environment().get_template(PART).render(section=section)


def style() -> str:
    """Return the look of parts, as rules of CSS that hold within ``.report``."""
    folders = (Path(pages.__file__).parent / "page.css", Path(__file__).parent / "report.css")
    rules = "".join(path.read_text() for path in folders)
    whole_page = re.compile(r"(?<!\S)(?::root|body)(?= \{)")
    return f".report {{ {whole_page.sub('&', rules)} }}"


@cache
def _environment() -> "Environment":
    environment = pages.environment(Path(__file__).parent)
    environment.tests["shaded"] = lambda cell: isinstance(cell, Shaded) and cell.shade
    return environment
