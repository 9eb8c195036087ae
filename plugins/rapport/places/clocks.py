"""Which clock runs where: the offsets of every time zone, of the pinned `tzdata` package.

The database engine carries a table of its own, as old as the engine, and the machine another one;
laws change more often than either. `tzdata` is in the lock, so that a night has the same hours on
every machine and a new law comes with a new lock.
"""

import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import pyarrow

# Earlier, as far back as data may go, every clock is taken for what it was then: older ones ran on
# odd minutes, which no send window is cut into.
FIRST = datetime(1990, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
END = datetime(2038, 1, 1, tzinfo=UTC)
# No rule makes an offset that lasts less, so that none comes and goes between two looks.
_STEP = timedelta(days=28)
_MINUTE = timedelta(minutes=1)


def zone_names() -> list[str]:
    """Return the names of the IANA database, older spellings such as `US/Eastern` included."""
    return sorted((files("tzdata") / "zones").read_text(encoding="utf-8").split())


@lru_cache(maxsize=1)
def offsets() -> "pyarrow.Table":
    """Return what every clock was, is and will be ahead of UTC, one row per zone and period.

    Columns: `time_zone`; `valid_from` and `valid_to`, UTC, half open, from 1900 to the end of 2037;
    `offset_minutes`, before 1990 that of its first day.
    """
    import pyarrow

    by_content: dict[bytes, list[tuple[datetime, int]]] = {}
    rows: list[tuple[str, datetime, datetime, int]] = []
    for name in zone_names():
        content = files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
        if content not in by_content:
            by_content[content] = list(_periods(_zone(name), _looks(content)))
        periods = by_content[content]
        ends = [since for since, _ in periods[1:]] + [END]
        rows.extend(
            (name, since.replace(tzinfo=None), until.replace(tzinfo=None), minutes)
            for (since, minutes), until in zip(periods, ends, strict=True)
        )
    moment = pyarrow.timestamp("us")
    columns = {
        "time_zone": pyarrow.string(),
        "valid_from": moment,
        "valid_to": moment,
        "offset_minutes": pyarrow.int64(),
    }
    return pyarrow.table(
        [
            pyarrow.array(column, type_)
            for column, type_ in zip(zip(*rows, strict=True), columns.values(), strict=True)
        ],
        names=list(columns),
    )


def clock_changes(zone: str) -> list[tuple[str, int]]:
    """Return since when, by its own clock, a zone has been how many minutes ahead of UTC.

    Args:
        zone: a name of the IANA database.

    Returns:
        (`YYYY-MM-DD HH:MM:SS`, minutes), the oldest first; empty where the clock is UTC. An hour
        that the clock shows twice counts as the first of the two, one that it skips as if it had
        not.

    Raises:
        KeyError: there is no such zone.
    """
    if zone not in zone_names():
        raise KeyError(zone)
    import pyarrow.compute as pc

    of_zone = offsets().filter(pc.field("time_zone") == zone)
    periods = sorted((row["valid_from"], row["offset_minutes"]) for row in of_zone.to_pylist())
    changes = []
    before = periods[0][1]
    for since, minutes in periods:
        changes.append((str(since + timedelta(minutes=max(before, minutes))), minutes))
        before = minutes
    return [] if all(minutes == 0 for _, minutes in changes) else changes


def _zone(name: str) -> ZoneInfo:
    """Return a zone as the package has it; `ZoneInfo(name)` would ask the machine first."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def _looks(content: bytes) -> list[datetime]:
    """Return moments so close that a clock changes once at most from one to the next.

    They are the changes that stand in the file of its zone and, where it ends with a rule that
    makes more of them, every four weeks from the last on (RFC 9636: a header and a block for old
    readers, then a header, the changes in seconds since 1970, and the rule as the last line).
    """
    is_utc, is_standard, leaps, changes, kinds, letters = struct.unpack(">6l", content[20:44])
    second = 44 + is_utc + is_standard + 8 * leaps + 5 * changes + 6 * kinds + letters
    (count,) = struct.unpack(">l", content[second + 32 : second + 36])
    seconds = struct.unpack(f">{count}q", content[second + 44 : second + 44 + 8 * count])
    written = [
        datetime.fromtimestamp(moment, UTC)
        for moment in seconds
        if FIRST.timestamp() < moment < END.timestamp()
    ]
    if b"," not in content.splitlines()[-1]:
        return written
    last = written[-1] if written else FIRST
    return written + [
        last + number * _STEP for number in range(1, (END - _MINUTE - last) // _STEP + 1)
    ]


def _periods(zone: ZoneInfo, looks: list[datetime]) -> Iterator[tuple[datetime, int]]:
    """Yield since when (UTC) a zone's clock has been how many minutes ahead of UTC."""
    before = FIRST
    minutes = _ahead(zone, FIRST)
    yield EARLIEST, minutes
    for look in [*looks, END - _MINUTE]:
        if _ahead(zone, look) != minutes:
            since = _changed(zone, before, look)
            minutes = _ahead(zone, since)
            yield since, minutes
        before = look


def _changed(zone: ZoneInfo, before: datetime, after: datetime) -> datetime:
    """Return the first whole minute, after one and up to another, that has the other's offset."""
    minutes = _ahead(zone, before)
    while after - before > _MINUTE:
        middle = before + (after - before) // (2 * _MINUTE) * _MINUTE
        if _ahead(zone, middle) == minutes:
            before = middle
        else:
            after = middle
    return after


def _ahead(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // _MINUTE
