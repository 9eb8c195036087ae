"""Keeps a vendor's limit of calls, and says what share of it was used."""

import time
from threading import Lock

from rapport.activation.destination import Limit
from rapport.errors import SettingsError
from rapport.sources.connection import Connection
from rapport.sources.http import Pace

# Even calls never meet the end of a vendor's window twice; what is left is for clocks that differ.
SHARE = 0.97


def number(connection: Connection, name: str, otherwise: float) -> float:
    """Return a number above 0 that a connection's extra may set.

    Raises:
        SettingsError: it is none.
    """
    said = connection.options.get(name, otherwise)
    try:
        found = float(said)
    except (TypeError, ValueError):
        found = 0.0
    if not 0 < found < float("inf"):
        raise SettingsError(
            f"connection {connection.id!r}: {name} in its extra is {said!r} and must be a number "
            "above 0"
        )
    return found


def size_of_batch(connection: Connection, otherwise: int) -> int:
    """Return how many rows a call may have: at least 1."""
    return max(1, int(number(connection, "batch_size", otherwise)))


class Paced:
    """Calls of one kind, kept apart by the limit that holds for them.

    Args:
        name: of the limit, for people.
        per_minute: calls that the vendor takes in a minute.
    """

    def __init__(self, name: str, per_minute: float) -> None:
        self._name = name
        self._per_minute = per_minute
        self._pace = Pace(per_minute * SHARE / 60)
        self._lock = Lock()
        self._calls = 0
        self._began: float | None = None
        self._ended = 0.0

    def wait(self) -> None:
        """Return when the next call may start, whichever thread makes it; it is counted."""
        with self._lock:
            self._pace.wait()
            self._began = self._began or time.monotonic()
            self._ended = time.monotonic()
            self._calls += 1

    def told(self) -> Limit:
        """Return how many calls were made, and the share of the limit in the time they took.

        A few calls in a row are as fast as the limit lets them be; less than a minute is one.
        """
        minutes = (self._ended - (self._began or self._ended)) / 60
        # The time of n calls is that of n - 1 pauses.
        calls = self._calls - 1 if minutes > 1 else self._calls
        share = calls / (self._per_minute * max(minutes, 1)) if self._calls else None
        return Limit(self._name, self._calls, None if share is None else round(share, 3))
