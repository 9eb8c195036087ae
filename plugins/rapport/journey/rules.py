"""Models that share a conversion among the touches of its own path by a rule."""

import numpy as np

from rapport.journey.paths import Flags, Floats, Ints, Paths


def first(paths: Paths) -> Floats:
    """The first touch earns everything. Shape ``(touches,)``, as of all rules."""
    return (paths.place == 0).astype(np.float64)


def last(paths: Paths) -> Floats:
    """The last touch earns everything."""
    return _at(paths, paths.length - 1)


def last_non_direct(paths: Paths) -> Floats:
    """The last touch that was not direct earns everything; where all were, the last."""
    place = np.where(paths.is_direct, -1, paths.place)
    latest = np.full(len(paths.length), -1, dtype=np.int64)
    np.maximum.at(latest, paths.owner, place)
    return _at(paths, np.where(latest < 0, paths.length - 1, latest))


def linear(paths: Paths) -> Floats:
    """Every touch earns the same: a channel that touched twice earns twice."""
    return 1 / paths.length[paths.owner]


def position(paths: Paths, first_share: float = 0.4, last_share: float = 0.4) -> Floats:
    """The first and the last touch earn their shares, those between them the rest, all alike.

    One touch earns everything; of two each earns by its share, half of it where the shares are
    equal.

    Raises:
        ValueError: the shares are negative, nothing, or more than everything.
    """
    if min(first_share, last_share) < 0 or not 0 < first_share + last_share <= 1:
        raise ValueError(f"shares of the first and last touch: {first_share}, {last_share}")
    length = paths.length[paths.owner]
    ends = np.where(paths.place == 0, first_share, 0.0)
    ends = np.where(paths.place == length - 1, last_share, ends)
    between = (1 - first_share - last_share) / np.maximum(length - 2, 1)
    inner = (paths.place > 0) & (paths.place < length - 1)
    shares = np.where(
        inner, between, np.where(length == 2, ends / (first_share + last_share), ends)
    )
    return np.where(length == 1, 1.0, shares)


def time_decay(hours_before_end: Floats, length: Ints, half_life_hours: float) -> Floats:
    """A touch ``half_life_hours`` earlier than another earns half as much.

    Args:
        hours_before_end: hours from each touch to the conversion, the touches of one journey
            after those of another, shape ``(touches,)``.
        length: touches of each journey, shape ``(journeys,)``.
        half_life_hours: above 0.

    Returns:
        Share of each touch in its journey's conversion, shape ``(touches,)``.

    Raises:
        ValueError: a half-life that is not above 0.

    Example:
        >>> time_decay(np.array([168.0, 0.0]), np.array([2]), 168.0).round(3).tolist()
        [0.333, 0.667]
    """
    if not half_life_hours > 0:
        raise ValueError(f"half_life_hours must be above 0, not {half_life_hours}")
    owner = np.repeat(np.arange(len(length)), length)
    latest = np.full(len(length), np.inf)
    np.minimum.at(latest, owner, hours_before_end)
    # against the latest touch: a year of a half-life of an hour is no number any more
    weight = np.exp2(-(hours_before_end - latest[owner]) / half_life_hours)
    return weight / np.bincount(owner, weight, minlength=len(length))[owner]


def _at(paths: Paths, place: Ints) -> Floats:
    chosen: Flags = paths.place == place[paths.owner]
    return chosen.astype(np.float64)
