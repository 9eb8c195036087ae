"""Shapley values of channels, exact on sets of channels.

The journeys that touched the same channels share their conversions by the Shapley value of a game
among these channels (Shapley 1953): each earns what it adds, averaged over all orders in which the
channels could have joined. What a set is worth is how often journeys of just that set converted,
or of its best part: a channel never takes anything away. So no credit is negative, conversions and
money of each set are given out in full, and journeys that led to nothing count: a channel whose
company makes no difference to the rate earns nothing beside the others.

Where every set is worth the same per channel, a set's rate being proportional to its size, each
channel of a journey adds the same: credit is then the equal split over the path's distinct
channels, which is what the game of Zhao et al. ("Shapley value methods for attribution modeling
in online advertising", 2018) gives whatever the rates are.

A set's game asks of its own parts alone, so only these are gone through and not all subsets of all
channels: of twenty channels of which no journey touched more than six, some thousands.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from rapport.journey.paths import Floats, Ints, Paths

MOST_SETS = 2**14
"""Sets with all their parts that are gone through for each draw: fourteen channels in all ways."""

_BITS = 63  # of a number
_MOST_NUMBERS = 4_000_000


@dataclass(frozen=True)
class ChannelSets:
    """The sets of channels that journeys touched.

    Attributes:
        masks: as bits, ascending, shape ``(sets,)``.
        family: these and all their parts, ascending.
        touched: which set each path touched, ones of shape ``(paths, sets)``.
        channels: number of channels.
    """

    masks: Ints
    family: Ints
    touched: csr_array
    channels: int


def channel_sets(paths: Paths, channels: int) -> ChannelSets | None:
    """Return the sets that occur in paths, or None where they have too many parts."""
    if channels > _BITS:
        return None
    touched = np.zeros(len(paths.length), dtype=np.int64)
    walked = np.flatnonzero(paths.length)
    if len(walked):
        bits = np.left_shift(np.int64(1), paths.channel)
        touched[walked] = np.bitwise_or.reduceat(bits, paths.first[walked])
    masks, which = np.unique(touched, return_inverse=True)
    family = with_parts(masks, channels)
    if len(family) > MOST_SETS:
        return None
    rows = np.arange(len(which))
    shape = (len(which), len(masks))
    return ChannelSets(
        masks, family, csr_array((np.ones(len(which)), (rows, which)), shape=shape), channels
    )


def with_parts(masks: Ints, channels: int) -> Ints:
    """Return sets and all their parts, ascending; only some where these exceed ``MOST_SETS``.

    Example:
        >>> with_parts(np.array([0b101, 0b10]), channels=3).tolist()
        [0, 1, 2, 4, 5]
    """
    family = np.unique(masks)
    for channel in range(channels):
        if len(family) > MOST_SETS:
            break
        family = np.union1d(family, family & ~(np.int64(1) << channel))
    return family


def credits(
    sets: ChannelSets, converted: Floats, lost: Floats, value: Floats, prior_journeys: float = 0.0
) -> tuple[Floats, Floats]:
    """Return what each channel is owed of the conversions and of the money of all journeys.

    Args:
        sets: the sets of channels that occur.
        converted: journeys of just that set that converted, shape ``(sets, draws)``.
        lost: those that did not, same shape.
        value: money of those that did, same shape.
        prior_journeys: journeys of the average rate, over all with a touch, that each set is
            thought to have had besides its own, so that one lucky journey makes no certainty. A
            set that nobody walked is worth what its best part is.

    Returns:
        Two arrays of shape ``(channels, draws)``: at least 0 of conversions, adding up to all that
        journeys with a touch brought.
    """
    draws = converted.shape[1]
    step = max(1, _MOST_NUMBERS // max(len(sets.family), sets.channels * len(sets.masks), 1))
    owed = np.zeros((2, sets.channels, draws))
    for at in range(0, draws, step):
        some = slice(at, at + step)
        parts = _shares(sets, converted[:, some], lost[:, some], prior_journeys)
        owed[0, :, some] = (parts * converted[:, some]).sum(axis=1)
        owed[1, :, some] = (parts * value[:, some]).sum(axis=1)
    return owed[0], owed[1]


def _shares(sets: ChannelSets, converted: Floats, lost: Floats, prior_journeys: float) -> Floats:
    """How the channels of each set share what its journeys brought: ``(channels, sets, draws)``.

    At least 0, adding up to 1 over the channels of a set, except for the empty set.
    """
    masks, family, channels = sets.masks, sets.family, sets.channels
    draws = converted.shape[1]
    journeys = converted + lost
    # of journeys with a touch: of those without, only the conversions are told
    touched = masks > 0
    whole = journeys[touched].sum(axis=0)
    usual = np.divide(converted[touched].sum(axis=0), whole, out=np.zeros(draws), where=whole > 0)
    worth = np.zeros((len(family), draws))
    worth[np.searchsorted(family, masks)] = np.divide(
        converted + prior_journeys * usual,
        journeys + prior_journeys,
        out=np.zeros_like(journeys),
        where=journeys > 0,
    )
    worth[family == 0] = 0
    for channel in range(channels):
        with_it, without = _pairs(family, channel)
        worth[with_it] = np.maximum(worth[with_it], worth[without])

    # What a set is worth beyond all of its parts (Harsanyi 1963): its members share that alike.
    for channel in range(channels):
        with_it, without = _pairs(family, channel)
        worth[with_it] -= worth[without]
    worth /= np.maximum(np.bitwise_count(family), 1)[:, None]

    earned = np.zeros((channels, len(masks), draws))
    for channel in range(channels):
        of_it = np.flatnonzero(family >> channel & 1)
        members, total = family[of_it], worth[of_it]
        for other in range(channels):
            if other != channel:
                with_it, without = _pairs(members, other)
                total[with_it] += total[without]
        rows = np.flatnonzero(masks >> channel & 1)
        earned[channel, rows] = total[np.searchsorted(members, masks[rows])]
    # what is left of exact zeros by rounding
    earned[earned < 1e-12] = 0
    total = earned.sum(axis=0)
    # a set of which nothing came shares nothing, alike
    member = (masks >> np.arange(channels)[:, None] & 1)[:, :, None]
    alike = member / np.maximum(np.bitwise_count(masks), 1)[None, :, None]
    return np.where(total > 0, earned / np.where(total > 0, total, 1), alike)


def _pairs(sets: Ints, channel: int) -> tuple[Ints, Ints]:
    """Places of the sets with a channel, and of the same without it."""
    with_it = np.flatnonzero(sets >> channel & 1)
    return with_it, np.searchsorted(sets, sets[with_it] ^ (np.int64(1) << channel))
