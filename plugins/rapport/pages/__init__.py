"""Pages that people open: one look, one way to make them of templates.

A page is one file that loads nothing from anywhere, so it can be mailed and read offline. Its
template extends ``base.html.jinja``, which holds the style in ``page.css``; what only one kind of
page needs is in its own block ``style``.
"""

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

NOTHING = "\N{EN DASH}"  # in a cell without a figure


def environment(*templates: Path) -> "Environment":
    """Return where templates of these folders are found, beside those of every page.

    What they print is escaped, and a name that is not there is an error.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([*templates, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "counted": counted,
        "day": day,
        "number": number,
        "why_and_where": why_and_where,
    }
    return environment


def number(value: float | None, digits: int = 0) -> str:
    """Return a number with its thousands apart; a dash for none."""
    if value is None:
        return NOTHING
    written = f"{value:,.{digits}f}"
    if not written.strip("-0.,"):
        written = written.removeprefix("-")  # nothing has no sign
    return written.replace("-", "\N{MINUS SIGN}")


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


def age_in_words(seconds: float) -> str:
    """Return an age as people say it.

    Example:
        >>> age_in_words(90), age_in_words(7300), age_in_words(200000)
        ('1 min', '2 h', '2 d')
    """
    minutes = max(seconds, 0) / 60
    for least, unit in ((48 * 60, 24 * 60), (60, 60)):
        if minutes >= least:
            return f"{minutes // unit:.0f} {'d' if unit > 60 else 'h'}"
    return f"{minutes // 1:.0f} min"


def size_in_words(size: int) -> str:
    """Return bytes as people say them.

    Example:
        >>> size_in_words(0), size_in_words(2_500_000), size_in_words(3_210_000_000)
        ('', '2.5 MB', '3.2 GB')
    """
    if not size:
        return ""
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def gate_in_words(warnings: int | None) -> str:
    """Return what the gate of a release said: only what passed is released."""
    if warnings is None:
        return "unknown"
    return counted(warnings, "warning") if warnings else "passed"


def why_and_where(warning: str) -> tuple[str, str]:
    """Part a warning of the gate: whom it concerns, and in which table it was found."""
    found = re.fullmatch(r"(.*?) \((\w+\.\w+: .*)\)", warning, re.DOTALL)
    return (found[1], found[2]) if found else (warning, "")


def _printable(value: Any) -> Any:
    """Show control characters, which HTML may not hold, as what they are: nothing to read."""
    if isinstance(value, str) and not value.isprintable():
        return type(value)(value.translate(_CONTROLS))
    return value


_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), "�")
_CONTROLS |= {ord(blank): " " for blank in "\t\n\r"}
