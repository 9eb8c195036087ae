"""Journeys as numbers: distinct paths, who walked them and what came of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ODD = np.uint64(0xBF58476D1CE4E5B9)
_FAR = np.uint64(0x9E3779B97F4A7C15)
_MOST_TICKED = 2**20  # flags: a megabyte


@dataclass(frozen=True)
class Paths:
    """Distinct paths, the touches of one after those of another.

    Attributes:
        channel: code of each touch's channel, 0 to ``channels - 1``, shape ``(touches,)``, in the
            order in which they happened.
        is_direct: whether they came of themselves, without a message, shape ``(touches,)``.
        length: touches of each path, shape ``(paths,)``; 0 is a path without a touch.
    """

    channel: Ints
    is_direct: Flags
    length: Ints

    def __post_init__(self) -> None:
        if not len(self.channel) == len(self.is_direct) == self.length.sum():
            raise ValueError("the lengths of the paths do not add up to the touches")
        if len(self.channel) and self.channel.min() < 0:
            raise ValueError("a channel's code is below 0")

    @cached_property
    def owner(self) -> Ints:
        """Path of each touch, shape ``(touches,)``."""
        return np.repeat(np.arange(len(self.length)), self.length)

    @cached_property
    def first(self) -> Ints:
        """Place of each path's first touch, shape ``(paths,)``."""
        return np.cumsum(self.length) - self.length

    @cached_property
    def place(self) -> Ints:
        """Place of each touch in its path, from 0, shape ``(touches,)``."""
        return np.arange(len(self.channel)) - np.repeat(self.first, self.length)


@dataclass(frozen=True)
class Journeys:
    """The journeys that ended in one span of time.

    Attributes:
        path: the path of each, shape ``(journeys,)``.
        customer: 64-bit key of who walked it, shape ``(journeys,)``; whoever draws at random
            draws customers.
        is_converted: whether it ended in a conversion, shape ``(journeys,)``.
        value: what the conversion was worth, shape ``(journeys,)``; nothing without one.
        hours_before_end: hours from each touch of the converted journeys to the conversion, those
            of one journey after those of another, in the order of the paths' touches.
    """

    path: Ints
    customer: Keys
    is_converted: Flags
    value: Floats
    hours_before_end: Floats

    def __post_init__(self) -> None:
        if not len(self.path) == len(self.customer) == len(self.is_converted) == len(self.value):
            raise ValueError("path, customer, is_converted and value differ in length")
        if self.value[~self.is_converted].any():
            raise ValueError("a journey without a conversion has a value")
        if not np.isfinite(self.value).all():
            raise ValueError("a value is no number")
        if len(self.hours_before_end) and not self.hours_before_end.min() >= 0:
            raise ValueError("a touch lies after the conversion, or nobody knows when")


def distinct(walks: Paths) -> tuple[Paths, Ints]:
    """Return the distinct paths among walks, and which of them each walk took.

    Walks of one number, mixed from their touches and the places of these, are compared touch by
    touch with the first of them; should two that differ share a number, each is left by itself.

    Example:
        >>> walks = Paths(np.array([0, 1, 1, 0, 1]), np.zeros(5, dtype=bool), np.array([2, 1, 2]))
        >>> paths, path = distinct(walks)
        >>> sorted(paths.length.tolist()), (path[0] == path[2]).item()
        ([1, 2], True)
    """
    symbol = (walks.channel * 2 + walks.is_direct).astype(np.uint64)
    mixed = symbol * _ODD + (walks.place.astype(np.uint64) + np.uint64(1)) * _FAR
    for shift in (np.uint64(32), np.uint64(29)):
        mixed ^= mixed >> shift
        mixed *= _ODD
    number = np.zeros(len(walks.length), dtype=np.uint64)
    walked = np.flatnonzero(walks.length)
    if len(walked):
        number[walked] = np.add.reduceat(mixed, walks.first[walked])
    _, chosen, path = np.unique(number, return_index=True, return_inverse=True)
    same = (walks.length[chosen][path] == walks.length).all() and (
        symbol == symbol[np.repeat(walks.first[chosen][path], walks.length) + walks.place]
    ).all()
    if not same:
        return walks, np.arange(len(walks.length))
    length = walks.length[chosen]
    within = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length)
    touches = np.repeat(walks.first[chosen], length) + within
    return Paths(walks.channel[touches], walks.is_direct[touches], length), path


def ranked(codes: Ints, most: int) -> tuple[Ints, Ints]:
    """Return which codes occur, ascending, and the place of each among them.

    What ``np.unique`` gives with ``return_inverse``, which sorts: of millions of touches and a few
    thousand codes it is enough to tick these off.

    Args:
        codes: 0 to ``most - 1``, shape ``(codes,)``.
        most: how many there could be.

    Example:
        >>> known, place = ranked(np.array([7, 2, 7]), most=9)
        >>> known.tolist(), place.tolist()
        ([2, 7], [1, 0, 1])
    """
    if most > max(len(codes), _MOST_TICKED):
        return np.unique(codes, return_inverse=True)
    occurs = np.zeros(most, dtype=np.bool_)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]


def from_lists(
    touches: list[list[int]],
    *,
    is_converted: list[bool] | None = None,
    value: list[float] | None = None,
    customer: list[int] | None = None,
    is_direct: list[list[bool]] | None = None,
    hours_before_end: list[list[float]] | None = None,
) -> tuple[Paths, Journeys]:
    """Return paths and journeys from one list of channels per journey, for tests and notebooks.

    Args:
        touches: channel codes of each journey.
        is_converted: all of them unless said otherwise.
        value: 1 for each conversion unless said otherwise.
        customer: a customer each unless said otherwise.
        is_direct: none unless said otherwise.
        hours_before_end: a touch an hour unless said otherwise.

    Example:
        >>> paths, journeys = from_lists([[0, 1], [0, 1], [0]])
        >>> paths.length.tolist(), journeys.path.tolist()
        ([2, 1], [0, 0, 1])
    """
    converted = [True] * len(touches) if is_converted is None else is_converted
    values = [float(flag) for flag in converted] if value is None else value
    direct = [[False] * len(path) for path in touches] if is_direct is None else is_direct
    hours = (
        [[float(hour) for hour in range(len(path), 0, -1)] for path in touches]
        if hours_before_end is None
        else hours_before_end
    )
    numbers: dict[tuple[tuple[int, ...], tuple[bool, ...]], int] = {}
    path = [
        numbers.setdefault((tuple(channels), tuple(flags)), len(numbers))
        for channels, flags in zip(touches, direct, strict=True)
    ]
    counted = [hour for row, flag in zip(hours, converted, strict=True) if flag for hour in row]
    return (
        Paths(
            np.array([code for channels, _ in numbers for code in channels], dtype=np.int64),
            np.array([flag for _, flags in numbers for flag in flags], dtype=np.bool_),
            np.array([len(channels) for channels, _ in numbers], dtype=np.int64),
        ),
        Journeys(
            np.array(path, dtype=np.int64),
            np.array(range(len(touches)) if customer is None else customer, dtype=np.uint64),
            np.array(converted, dtype=np.bool_),
            np.array(values, dtype=np.float64),
            np.array(counted, dtype=np.float64),
        ),
    )
