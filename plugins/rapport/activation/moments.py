"""Times as vendors write them."""

from datetime import UTC, datetime, timedelta
from typing import Any

# A record's time of creation as two calls of a vendor tell it.
SAME_TIME = timedelta(seconds=2)


def time_of(text: Any) -> datetime | None:
    """Return a time in UTC, or None for what is none."""
    try:
        return utc(datetime.fromisoformat(str(text)))
    except ValueError:
        return None


def utc(moment: datetime) -> datetime:
    """Return a time with its zone, which is UTC where it has none."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def for_people(text: Any) -> str:
    """Return a time to be read; HubSpot writes some in milliseconds since 1970."""
    if str(text).isdecimal():
        moment: datetime | None = datetime.fromtimestamp(int(text) / 1000, UTC)
    else:
        moment = time_of(text)
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else str(text)
