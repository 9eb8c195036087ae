"""Rate limits, counted in fixed windows. Generous unless a test sets them."""

import time
from collections import defaultdict
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Limit:
    """So many requests per window.

    Attributes:
        requests: how many are answered per window.
        seconds: length of the window, which begins with the first request in it.
        retry_after: whether a refusal says how long to wait; HubSpot's sometimes does not.
    """

    requests: int
    seconds: float
    retry_after: bool = True
    _windows: dict[str, tuple[float, int]] = field(
        default_factory=lambda: defaultdict(lambda: (0.0, 0)), init=False, repr=False
    )
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def take(self, endpoint: str) -> tuple[bool, int, int]:
        """Count a request; return whether it is within the limit, what remains, the wait in s."""
        with self._lock:
            now = time.monotonic()
            start, used = self._windows[endpoint]
            if now - start >= self.seconds:
                start, used = now, 0
            self._windows[endpoint] = (start, used + 1)
        wait = max(1, round(start + self.seconds - now))
        return used < self.requests, max(0, self.requests - used - 1), wait
