"""A listing whose cursor expires goes on from the last record that was seen."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from rapport.errors import SourceRefused

Page = TypeVar("Page")
Position = TypeVar("Position")

MOST_RESTARTS = 2


def resumed(
    listing: Callable[[Position | None], Iterator[Page]],
    position_of: Callable[[Page], Position | None] = lambda _: None,
) -> Iterator[Page]:
    """Yield the pages of a listing, beginning anew where the cursor of a page is refused.

    A page that is refused first is no expired cursor. What lies at the position itself comes twice.

    Args:
        listing: gives the pages from a position on; from None all of them.
        position_of: where a page ends; left out where a listing can only begin at its beginning,
            which is tried a few times.

    Raises:
        SourceRefused: the first page is refused, or a listing does not get on.
    """
    position: Position | None = None
    restarts = 0
    while True:
        begun, is_first = position, True
        try:
            for page in listing(begun):
                yield page
                is_first = False
                position = position_of(page) or position
            return
        except SourceRefused:
            restarts += position == begun
            if is_first or restarts > MOST_RESTARTS:
                raise
