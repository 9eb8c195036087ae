"""The one clock of the sandbox, and the spellings of an instant.

The clock is a row of the shop database, because the shop's views must read it without any server
in between; the APIs read the same row on every request.
"""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = "2018-01-03T00:00:00Z"  # the end of the last night, 2018-01-02
FOREVER = 2**62  # valid_until of a version that nothing replaces


def parse_instant(text: str) -> int:
    """Return epoch milliseconds of an ISO-8601 instant with an offset.

    Raises:
        ValueError: it is no instant, or it has no offset.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write it like 2018-01-03T00:00:00Z")
    return (moment - EPOCH) // timedelta(milliseconds=1)


def moment(ms: int) -> datetime:
    """Return epoch milliseconds as a datetime in UTC."""
    return EPOCH + timedelta(milliseconds=ms)


def hubspot_time(ms: int) -> str:
    """Spell an instant as HubSpot does: ``2017-03-03T08:00:00.000Z``."""
    return moment(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def klaviyo_time(ms: int) -> str:
    """Spell an instant as Klaviyo does: ``2017-03-03T08:00:00+00:00``."""
    return moment(ms).isoformat(timespec="seconds")


def shop_time(ms: int) -> str:
    """Spell an instant as the shop does: ``2017-03-03 08:00:00``."""
    return moment(ms).strftime("%Y-%m-%d %H:%M:%S")


def read_clock(shop_path: Path) -> int:
    """Return the sandbox's now in epoch milliseconds."""
    with _open(shop_path) as connection:
        (now,) = connection.execute("select now from _clock").fetchone()
    connection.close()
    return parse_instant(f"{now}+00:00")


def write_clock(shop_path: Path, now: int) -> None:
    """Move the clock to an instant (epoch milliseconds), for the APIs and the shop.

    Fractions of a second are dropped: the sandbox knows whole seconds.
    """
    with _open(shop_path) as connection:
        connection.execute("update _clock set now = ?", [shop_time(now)])
    connection.close()


def _open(shop_path: Path) -> sqlite3.Connection:
    # mode=rw: a wrong path is an error, not a new empty database
    connection = sqlite3.connect(f"file:{shop_path}?mode=rw", uri=True, timeout=30)
    connection.execute("pragma synchronous = off")  # a clock need not survive a power cut
    return connection
