"""When a pull must have ended, whatever a source does: trickle, hang, or go on for ever."""

import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from threading import Thread
from typing import TypeVar

from rapport.errors import DeadlinePassed

Answer = TypeVar("Answer")


class Deadline:
    """The end of a pull, counted from now.

    Args:
        connection: whose pull it is, for the error.
        seconds: how long it may take.
    """

    def __init__(self, connection: str, seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    @property
    def has_passed(self) -> bool:
        """Whether the pull is over."""
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Return how many seconds are left.

        Raises:
            DeadlinePassed: none.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> DeadlinePassed:
        """Return the error of a pull that takes too long."""
        return DeadlinePassed(
            self._connection,
            f"the pull did not end within its {self._seconds:.0f} s; what came before is landed, "
            "and the next run goes on from there",
        )

    def within(self, call: Callable[[], Answer]) -> Answer:
        """Return what a call returns, if it does before the end.

        The time-out of a socket starts anew with each byte, and a look-up of a name has none, so
        the call is made in a thread, which is left to itself when the time is over.

        Raises:
            DeadlinePassed: it does not.
        """
        answer: Future[Answer] = Future()

        def run() -> None:
            try:
                answer.set_result(call())
            except BaseException as error:
                answer.set_exception(error)

        left = self.left()
        Thread(target=run, daemon=True).start()
        if not wait([answer], left).done:
            raise self.passed()
        return answer.result()
