"""Words of the page: the marts' terms as a marketer reads them, numbers, dates."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from rapport.pages import NOTHING, number
from rapport.report.drawing import Drawing
from rapport.report.pictures import Picture

# From near to distant, then who is angry and who is not known; a policy may add others.
TYPES = {
    "best_friend": "close, answers and tells, prices do not matter",
    "buddy": "talks with us and likes to hear from us, an equal",
    "full_service": "wants people who take care of things, not machines",
    "business_partner": "matter of fact, through people, with deals",
    "acquaintance": "a friendly word now and then",
    "fling": "comes for what is new and on offer, stays loosely",
    "basic_exchange": "goods for money at a good price, no more",
    "no_relationship": "buys and wants no relationship",
    "strained": "something went wrong between us",
    "unknown": "too little is known to say",
}
AXES = ("closeness", "frequency", "reciprocity", "human_share", "price_focus", "commitment")
# What the marts say of the axis that is furthest off.
REASONS = {
    "more distant than wanted": "closeness",
    "closer than wanted": "closeness",
    "less frequent than wanted": "frequency",
    "more frequent than wanted": "frequency",
    "more responsive than wanted": "reciprocity",
    "less responsive than wanted": "reciprocity",
    "less human than wanted": "human_share",
    "more personal than wanted": "human_share",
    "less about price than wanted": "price_focus",
    "more about price than wanted": "price_focus",
    "less committed than wanted": "commitment",
    "more binding than wanted": "commitment",
}
POLARITIES = ("positive", "neutral", "negative", "unknown")
TIERS = ("top", "high", "middle", "low", "none")

LEAST_OBSERVATIONS = 30  # below it a share is noise, and no reason to look there first
GREYED = -1  # the shade of a cell that is there for completeness


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, the key of its rows, and what its cells are.

    ``kind`` is ``name`` (people gave it: any script, any length), ``words`` (several of them,
    which may wrap), ``text`` or ``number``;
    ``group`` stands above the heads of neighbours that share it.
    """

    head: str
    key: str
    kind: str = "text"
    group: str = ""


@dataclass(frozen=True)
class Shaded:
    """A cell whose ground says how much: ``shade`` is 0 (none) to 5, or -1 for grey."""

    text: str
    shade: int

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        title: what it holds.
        columns: from the left; the first says what a row is about.
        rows: their cells by the columns' keys.
        below: key of a text that stands below each row, over its whole width.
        folded: whether it is shown only to who asks for it. What is folded is not printed.
        reading: how to read it, and what it rests on.
    """

    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    below: str = ""
    folded: bool = True
    reading: str = ""

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What stands above the heads, with how many of them it spans; empty when nothing does."""
        groups = [(name, len(list(each))) for name, each in groupby(c.group for c in self.columns)]
        return groups if any(name for name, _ in groups) else []


@dataclass(frozen=True)
class Entry:
    """One of a list: a number that its chart calls it by, a name that people gave, a verdict."""

    number: int
    name: str
    verdict: str
    colour: str
    about: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        key: its anchor.
        title: what one learns here.
        finding: what tonight's figures say, in a sentence or two; why there is nothing to see,
            when there is nothing.
        pictures: its charts.
        drawings: what no chart grammar has; they stand after the tables that everybody sees.
        entries: what the charts call by number, in words.
        tables: the figures; those that are not folded stand before the charts.
        note: what else to know.
    """

    key: str
    title: str
    finding: str
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    note: str = ""
    entries: list[Entry] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)

    @property
    def shown(self) -> list[Table]:
        """The tables that everybody sees."""
        return [table for table in self.tables if not table.folded]

    @property
    def folded(self) -> list[Table]:
        """The tables for who asks."""
        return [table for table in self.tables if table.folded]


def shaded(text: str, share: float | None, observations: float, most: float = 1) -> Shaded:
    """Shade a cell by a share, where it rests on observations enough to mean something.

    Args:
        text: what the cell says.
        share: of 0 to ``most``.
        observations: what the share is a share of.
        most: the share of the darkest ground.
    """
    if share is None or observations < LEAST_OBSERVATIONS or not most:
        return Shaded(text, 0)
    return Shaded(text, min(5, round(5 * max(share, 0) / most)))


def plain(term: str) -> str:
    """Return a term of the marts as people write it."""
    return term.replace("_", " ")


def in_order(terms: Iterable[str], order: Iterable[str] = TYPES) -> list[str]:
    """Return each term once: the known ones in their order, then the others by name."""
    known = list(order)
    there = set(terms)
    return [term for term in known if term in there] + sorted(there - set(known))


def signed(value: float | None, digits: int = 0) -> str:
    """Return a change with its sign; nothing has none."""
    return (
        f"+{number(value, digits)}" if value and round(value, digits) > 0 else number(value, digits)
    )


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share of 0-1 as a percentage."""
    return NOTHING if share is None else f"{number(100 * share, digits)}%"


def short_day(iso: str | date) -> str:
    """Return a date as a table has room for it: `2 Jan 2018`."""
    when = iso if isinstance(iso, date) else date.fromisoformat(iso)
    return f"{when.day} {when:%b} {when.year}"


def month(iso: str | date) -> str:
    """Return the month of a date: `Jan 2018`."""
    when = iso if isinstance(iso, date) else date.fromisoformat(iso)
    return f"{when:%b} {when.year}"


def sentence(text: str) -> str:
    """Return a sentence with its first letter as such."""
    return text[:1].upper() + text[1:]


def listed(words: list[str]) -> str:
    """Join words as a sentence does."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
