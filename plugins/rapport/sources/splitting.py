"""A batch that is refused for one of its inputs is split until the culprit is alone."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from rapport.errors import SourceRefused

Answer = TypeVar("Answer")

# So many inputs refused one by one, and none taken, are no culprits: the request itself is wrong.
MOST_REFUSED = 20


class Splitter:
    """Asks about batches of ids on one path; one pull has one for each path.

    One culprit among n costs about 2 log2(n) further calls.
    """

    def __init__(self) -> None:
        self._has_taken = False

    def ask(
        self, ids: Sequence[str], question: Callable[[list[str]], Answer]
    ) -> Iterator[tuple[list[str], Answer | SourceRefused]]:
        """Yield parts of a batch with their answers, and every culprit with its refusal.

        Args:
            ids: the batch.
            question: asks about some of them; raises `SourceRefused` when the source does not
                take them, or leaves one out.

        Raises:
            SourceRefused: no input at all is taken.
        """
        waiting = [list(ids)]
        refused, taken = 0, False
        while waiting:
            part = waiting.pop()
            try:
                answer = question(part)
            except SourceRefused as refusal:
                if len(part) > 1:
                    middle = len(part) // 2
                    waiting += [part[middle:], part[:middle]]
                    continue
                refused += 1
                is_last = not waiting and refused > 1
                if not taken and (refused >= MOST_REFUSED or (is_last and not self._has_taken)):
                    raise
                yield part, refusal
            else:
                taken = self._has_taken = True
                yield part, answer
