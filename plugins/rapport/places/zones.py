"""What people and vendors call a time zone, and which one a country has."""

from datetime import datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from rapport.places.clocks import offsets, zone_names

if TYPE_CHECKING:
    import pyarrow

# Zones of a country that have shown the same time since then count as one: Germany has Berlin and
# an exclave in Switzerland. Long enough that no night looks back beyond it.
_SAME_SINCE = datetime(2014, 1, 1)  # noqa: DTZ001  UTC, as the offsets are


def zone_spellings() -> "pyarrow.Table":
    """Return (spelling_key, time_zone): how a zone is spelled, and its name in the IANA database.

    IANA's own names, older ones among them; names that the database has dropped; and those of
    Windows, which Outlook and Exchange hand on. A key is a spelling in lower case, with `_` for
    blanks.
    """
    import pyarrow
    from babel.core import get_global

    names = zone_names()
    known = set(names)
    spellings = {_key(name): name for name in names}
    # Windows' "UTC" and IANA's are one key; IANA's own goes first.
    for others in (get_global("zone_aliases"), get_global("windows_zone_mapping")):
        for spelling, name in others.items():
            if name in known:
                spellings.setdefault(_key(spelling), name)
    return pyarrow.table({"spelling_key": list(spellings), "time_zone": list(spellings.values())})


def country_zones() -> "pyarrow.Table":
    """Return (country_code, time_zone) of the countries in which every clock shows the same.

    Countries: ISO 3166-1 alpha-2, as `zone.tab` of the IANA database lists them.
    """
    import pyarrow

    clocks: dict[str, set[tuple[datetime, int]]] = {}
    for row in offsets().to_pylist():
        if row["valid_to"] > _SAME_SINCE:
            since = max(row["valid_from"], _SAME_SINCE)
            clocks.setdefault(row["time_zone"], set()).add((since, row["offset_minutes"]))
    zones: dict[str, list[str]] = {}
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones.setdefault(country, []).append(zone)
    single = {
        country: names[0]  # the most populous is listed first
        for country, names in zones.items()
        if all(clocks[name] == clocks[names[0]] for name in names)
    }
    return pyarrow.table({"country_code": list(single), "time_zone": list(single.values())})


def _key(spelling: str) -> str:
    return spelling.lower().replace(" ", "_")
