"""What languages call a country."""

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow

_KOSOVO = "XK"  # has no code in ISO 3166, and everybody uses this one


def country_codes() -> list[str]:
    """Return the ISO 3166-1 alpha-2 codes, as the IANA database lists them, and Kosovo's."""
    lines = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8").splitlines()
    return sorted({line.split("\t")[0] for line in lines if not line.startswith("#")} | {_KOSOVO})


def country_spellings() -> "pyarrow.Table":
    """Return (spelling, country_code, is_first): codes and names of every country.

    Names are those of every language and region of Unicode's CLDR; codes are alpha-2 and alpha-3.
    Where a spelling means one country in English, or as a code, and another elsewhere, `is_first`
    says which goes first.
    """
    import pyarrow
    from babel.core import get_global
    from babel.localedata import load, locale_identifiers

    codes = set(country_codes())
    first = {(code, code) for code in codes}
    for spelling, replacements in get_global("territory_aliases").items():
        if len(spelling) == 3 and spelling.isalpha() and len(replacements) == 1:
            first.add((spelling, replacements[0]))
    names: set[tuple[str, str]] = set()
    for identifier in locale_identifiers():
        # its own names: those that it inherits are in the list too
        territories = load(identifier, merge_inherited=False).get("territories", {}).items()
        named = {(name, code) for code, name in territories if code in codes}
        # "Myanmar (Burma)" is called Myanmar
        named |= {(name.split("(")[0], code) for name, code in named if "(" in name}
        (first if identifier == "en" else names).update(named)
    rows = [(*row, True) for row in sorted(first) if row[1] in codes]
    rows += [(*row, False) for row in sorted(names - first)]
    columns = ["spelling", "country_code", "is_first"]
    return pyarrow.table([pyarrow.array(values) for values in zip(*rows, strict=True)], columns)
