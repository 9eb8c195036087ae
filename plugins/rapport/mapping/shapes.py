"""What the values of a column look like: kinds, formats of times, the sign of decimals.

Of a value nothing is kept but its shape.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

# So many of a column's values have to be of a kind; the rest is dirt.
MOST = 0.8
_EMPTY = {"", "n/a", "na", "null", "none", "nil", "-", "--", "#n/a", "nan"}
_YES_NO = {
    *(
        "true",
        "false",
        "t",
        "f",
        "yes",
        "no",
        "y",
        "n",
        "ja",
        "nein",
        "j",
        "oui",
        "non",
        "si",
        "sí",
    ),
    *("wahr", "falsch", "vrai", "faux", "on", "off", "x"),
}
_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN", "₹": "INR", "chf": "CHF"}
_ISO_DAY = r"\d{4}-\d\d-\d\d"
_ISO_TIME = _ISO_DAY + r"[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?"
_OFFSET = r"\s*(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)"
_MONEY = r"(?:[€$£¥₹]|zł|[A-Z]{3})?"
_KINDS: Mapping[str, re.Pattern[str]] = {
    kind: re.compile(pattern)
    for kind, pattern in {
        "email": r"[^@\s;,<>]+@[^@\s;,<>]+\.[^@\s;,<>]{2,}",
        "url": r"(?i)(https?://|www\.)\S+",
        "uuid": r"(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "instant": _ISO_TIME + _OFFSET,
        "time": _ISO_TIME,
        "day": _ISO_DAY,
        "unix": r"(1[0-9]{9}|1[0-9]{12}|1[0-9]{15})(\.\d+)?",
        "phone": r"(\+|00?[1-9(])[\d\s()./-]{5,}\d|\(\d{2,5}\)[\d\s-]{5,}",
        "currency": r"[A-Z]{3}",
        "country": r"[A-Z]{2}",
        "integer": r"[+-]?\d+",
        "number": rf"{_MONEY}\s*[+-]?\d[\d.,' \u00a0\u202f]*-?\s*{_MONEY}|\(\d[\d.,]*\)",
    }.items()
}
# A time that names no clock decides over those of its column that do.
_ISO = ("time", "instant", "day")
TIMES = ("instant", "time", "day", "unix", "written")
NUMBERS = ("integer", "number")
_DAYS = (
    *(
        "%d.%m.%Y",
        "%d.%m.%y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%Y/%m/%d",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%Y.%m.%d",
    ),
    *(
        "%d/%m/%y",
        "%m/%d/%y",
        "%Y%m%d",
        "%d %b %Y",
        "%d-%b-%Y",
        "%b %d, %Y",
        "%d %B %Y",
        "%B %d, %Y",
    ),
)
_CLOCKS = (
    *("", " %H:%M", " %H:%M:%S", ", %H:%M", ", %H:%M:%S", "T%H:%M:%S"),
    " %I:%M %p",
    " %I:%M:%S %p",
)
FORMATS = tuple(day + clock for day in _DAYS for clock in _CLOCKS)


@dataclass(frozen=True)
class Look:
    """What a column of text looks like.

    Attributes:
        name: the column's.
        rows: of the sample.
        filled: how many of them say anything.
        distinct: how many different things they say.
        kind: what most of them are; ``text`` where they are of no kind.
        example: the shape of a usual value, never one.
        formats: of times that are not ISO 8601; the first that reads a value wins.
        either: two formats that read the same values, of which only the firm knows which it is.
        decimals: how many values say that ``.`` or ``,`` parts decimals.
        has_clock: whether its times have hours.
        currency: that its values or its name are written with, if one alone.
        items: of lists of maps in JSON, the columns of an item.
    """

    name: str
    rows: int
    filled: int
    distinct: int
    kind: str
    example: str
    formats: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    decimals: tuple[int, int] = (0, 0)
    has_clock: bool = False
    currency: str = ""
    items: Mapping[str, "Look"] | None = None

    @property
    def is_key(self) -> bool:
        """Whether it tells each row of the sample from the others."""
        return 0 < self.rows == self.filled == self.distinct

    @property
    def is_time(self) -> bool:
        """Whether it says days or moments."""
        return self.kind in TIMES

    @property
    def is_number(self) -> bool:
        """Whether it says numbers."""
        return self.kind in NUMBERS

    @property
    def lacks_offset(self) -> bool:
        """Whether its times are of a clock that they do not name."""
        return self.kind == "time" or (self.kind == "written" and self.has_clock)


def look(name: str, values: Iterable[str | None]) -> Look:
    """Return what a column looks like.

    Example:
        >>> look("Betrag", ["1.234,50 €", "7,00 €", None]).decimals
        (0, 2)
    """
    values = list(values)
    said = [value.strip() for value in values if value and value.strip().lower() not in _EMPTY]
    kind = _kind(said)
    formats: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    if kind in ("text", "number", "integer", "phone", "words", "empty"):
        of_iso = [value for value in said if any(_KINDS[each].fullmatch(value) for each in _ISO)]
        others = tuple(dict.fromkeys(value for value in said if value not in set(of_iso)))
        formats, either = _formats(others, len(set(of_iso)))
        kind = "written" if formats else kind
    items = _items(said) if kind == "list" else None
    return Look(
        name=name,
        rows=len(values),
        filled=len(said),
        distinct=len(set(said)),
        kind=kind,
        example=shape(Counter(map(shape, said)).most_common(1)[0][0]) if said else "",
        formats=formats,
        either=either,
        decimals=_decimals(said) if kind == "number" else (0, 0),
        has_clock=any("%H" in each or "%I" in each for each in formats)
        or kind in ("time", "instant", "unix"),
        currency=_currency(name, said if kind in NUMBERS else []),
        items=items,
    )


def shape(value: str) -> str:
    """Return a value without what it says: letters are `a`, digits `9`.

    Example:
        >>> shape("Ann.Lee@example.com"), shape("2017-03-01 18:42"), shape("1.234,50 €")
        ('Aa.Aa@a.a', '9999-99-99 99:99', '9.999,99 €')
    """
    text = re.sub(r"[^\W\d_]+", lambda word: _case(word[0]), value)
    text = re.sub(r"\d", "9", text)
    text = re.sub(r"9{5,}", "9999…", text)
    return text if len(text) <= 40 else text[:39] + "…"


def _case(word: str) -> str:
    if word.isupper():
        return "A"
    return "Aa" if word[0].isupper() else "a"


def _kind(said: Sequence[str]) -> str:
    if not said:
        return "empty"
    enough = MOST * len(said)
    if sum(value.startswith("[") and _is_json(value) for value in said) >= enough:
        return "list"
    if sum(value.startswith("{") and _is_json(value) for value in said) >= enough:
        return "map"
    if sum(value.lower() in _YES_NO for value in said) >= enough:
        return "yes or no"
    of_iso = [kind for value in said for kind in _ISO if _KINDS[kind].fullmatch(value)]
    if len(of_iso) >= enough:
        return next(kind for kind in _ISO if kind in of_iso)
    for kind, pattern in _KINDS.items():
        fitting = [value for value in said if pattern.fullmatch(value)]
        if len(fitting) < enough:
            continue
        if kind == "currency" and not _are_currencies(fitting):
            continue
        if kind == "phone" and all(re.fullmatch(r"0?\d{1,6}", value) for value in fitting):
            continue
        return kind
    return "words" if len(set(said)) <= max(2, len(said) // 4) else "text"


def _is_json(value: str) -> bool:
    try:
        json.loads(value)
    except ValueError:
        return False
    return True


@cache
def _currencies() -> frozenset[str]:
    from babel.numbers import list_currencies

    return frozenset(list_currencies())


def _are_currencies(values: Iterable[str]) -> bool:
    return set(values) <= _currencies()


def _currency(name: str, said: Sequence[str]) -> str:
    """The one currency that a header or all the values are written with."""
    found = set()
    for text in (name, *said):
        found |= {code for sign, code in _SIGNS.items() if sign in text.lower()}
        found |= set(re.findall(r"\b[A-Z]{3}\b", text)) & _currencies()
    return found.pop() if len(found) == 1 else ""


def _decimals(said: Sequence[str]) -> tuple[int, int]:
    point = comma = 0
    for value in said:
        digits = re.sub(r"[^\d.,]", "", value)
        last = max(digits.rfind("."), digits.rfind(","))
        if last < 0:
            continue
        # 1.234 is a thousand or one: it says nothing.
        groups_alone = len(digits) - last - 1 == 3 and len(re.findall(r"[.,]", digits)) == 1
        if groups_alone and not digits.startswith("0"):
            continue
        repeated = digits.count(digits[last]) > 1
        is_comma = (digits[last] == ",") != repeated
        comma, point = comma + is_comma, point + (not is_comma)
    return point, comma


@cache
def _formats(said: tuple[str, ...], others: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Formats by which values can be read, those of most first; and two that are alike.

    Args:
        said: values that are not written as ISO 8601 has it.
        others: how many more there are that are.
    """
    everything = len(said) + others
    with_digits = sum(any(letter.isdigit() for letter in value) for value in said)
    if not said or with_digits + others < MOST * everything:
        return (), ()
    readable = {
        each: read
        for each, pattern in _written().items()
        if (read := {value for value in said if pattern.fullmatch(value) and _reads(each, value)})
    }
    # Eight digits are a number unless all of them are days of this or the last century.
    if set(readable) == {"%Y%m%d"} and len(readable["%Y%m%d"]) < len(said):
        return (), ()
    left, found = set(said), []
    while left and readable:
        best = max(readable, key=lambda each: len(readable[each] & left))
        if not readable[best] & left:
            break
        found.append(best)
        left -= readable[best]
    if everything - len(left) < MOST * everything:
        return (), ()
    first = found[0]
    alike = [
        each
        for each in readable
        if each != first and readable[each] == readable[first] and _turned(first) == each
    ]
    return tuple(found), (first, *alike) if alike else ()


@cache
def _written() -> Mapping[str, re.Pattern[str]]:
    """What a text looks like that a format reads."""
    parts = {"Y": r"\d{4}", "B": r"[^\W\d]+", "b": r"[^\W\d]{3,4}", "p": "(?i:am|pm)"}
    return {
        each: re.compile(
            re.sub(r"%(\w)", lambda part: parts.get(str(part[1]), r"\d{1,2}"), re.escape(each))
        )
        for each in FORMATS
    }


def _reads(written: str, value: str) -> bool:
    try:
        return 1900 <= datetime.strptime(value, written).year <= 2100  # noqa: DTZ007
    except ValueError:
        return False


def _turned(written: str) -> str:
    """The same format with day and month the other way round."""
    if written.startswith(("%d/%m", "%m/%d", "%d-%m", "%m-%d")):
        return written[3:5] + written[2] + written[0:2] + written[5:]
    return ""


def _items(said: Sequence[str]) -> Mapping[str, Look] | None:
    """The columns of the items of lists in JSON."""
    items = [item for value in said for item in json.loads(value) if _is_json(value)]
    if not items or not all(isinstance(item, dict) for item in items):
        return None
    names = dict.fromkeys(name for item in items for name in item)
    return {
        name: look(name, [None if item.get(name) is None else str(item[name]) for item in items])
        for name in names
    }
