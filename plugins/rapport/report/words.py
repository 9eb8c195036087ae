"""Words of the page: the marts' terms as a marketer reads them, numbers, dates."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

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
POLARITIES = ("positive", "neutral", "negative")
TIERS = ("top", "high", "middle", "low", "none")

NOTHING = "\N{EN DASH}"  # in a cell without a figure


@dataclass(frozen=True)
class Column:
    """A column of a table: its head, the key of its rows, and what its cells are.

    ``kind`` is ``name`` (people gave it: any script, any length), ``text`` or ``number``.
    """

    head: str
    key: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """A table of the page, folded until somebody asks for it.

    Attributes:
        title: what it holds.
        columns: from the left.
        rows: their cells by the columns' keys.
        below: key of a text that stands below each row, over its whole width.
    """

    title: str
    columns: tuple[Column, ...]
    rows: list[dict[str, Any]]
    below: str = ""


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
        entries: what the charts call by number, in words.
        tables: the figures behind them.
        note: what else to know.
    """

    key: str
    title: str
    finding: str
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    note: str = ""
    entries: list[Entry] = field(default_factory=list)


def plain(term: str) -> str:
    """Return a term of the marts as people write it."""
    return term.replace("_", " ")


def in_order(terms: Iterable[str], order: Iterable[str] = TYPES) -> list[str]:
    """Return each term once: the known ones in their order, then the others by name."""
    known = list(order)
    there = set(terms)
    return [term for term in known if term in there] + sorted(there - set(known))


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with its thousands apart; a dash for none."""
    if value is None:
        return NOTHING
    return f"{value:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def signed(value: float | None, digits: int = 0) -> str:
    """Return a change with its sign."""
    return f"+{number(value, digits)}" if value and value > 0 else number(value, digits)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share of 0-1 as a percentage."""
    return NOTHING if share is None else f"{number(100 * share, digits)}%"


def counted(count: float, one: str, many: str = "") -> str:
    """Return a count with its noun.

    Example:
        >>> counted(1, "customer"), counted(2000, "customer")
        ('1 customer', '2,000 customers')
    """
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def day(iso: str | date) -> str:
    """Return a date as people write it: `2 January 2018`."""
    when = iso if isinstance(iso, date) else date.fromisoformat(iso)
    return f"{when.day} {when:%B} {when.year}"


def sentence(text: str) -> str:
    """Return a sentence with its first letter as such."""
    return text[:1].upper() + text[1:]


def listed(words: list[str]) -> str:
    """Join words as a sentence does."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
