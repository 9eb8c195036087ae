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
"""

import numpy as np
from scipy.sparse import csr_array

from rapport.journey.paths import Floats, Ints, Paths

MOST_CHANNELS = 14
"""All subsets are gone through: 16,384 for each of the draws."""

_MOST_NUMBERS = 4_000_000


def channel_sets(paths: Paths, channels: int) -> tuple[Ints, csr_array]:
    """Return the sets of channels that occur, and which of them each path has touched.

    Returns:
        The sets as bit masks, ascending, shape ``(sets,)``, and ones of shape ``(paths, sets)``.

    Raises:
        ValueError: more than ``MOST_CHANNELS`` channels.
    """
    if channels > MOST_CHANNELS:
        raise ValueError(f"{channels} channels have too many subsets; {MOST_CHANNELS} are possible")
    touched = np.zeros(len(paths.length), dtype=np.int64)
    np.bitwise_or.at(touched, paths.owner, np.int64(1) << paths.channel)
    masks, which = np.unique(touched, return_inverse=True)
    rows = np.arange(len(which))
    return masks, csr_array((np.ones(len(which)), (rows, which)), shape=(len(which), len(masks)))


def shares(
    masks: Ints, converted: Floats, lost: Floats, channels: int, prior_journeys: float = 0.0
) -> Floats:
    """Return how the channels of each set share what its journeys brought.

    Args:
        masks: the sets that occur, shape ``(sets,)``.
        converted: journeys of just that set that converted, shape ``(sets, draws)``.
        lost: those that did not, same shape.
        channels: number of channels.
        prior_journeys: journeys of the average rate that each set is thought to have had besides
            its own, so that one lucky journey makes no certainty. A set that nobody walked is
            worth what its best part is.

    Returns:
        Shape ``(channels, sets, draws)``: at least 0, adding up to 1 over the channels of a set,
        except for the empty set, which has none.
    """
    draws = converted.shape[1]
    step = max(1, _MOST_NUMBERS // 2**channels)
    parts = [
        _shares(
            masks, converted[:, at : at + step], lost[:, at : at + step], channels, prior_journeys
        )
        for at in range(0, draws, step)
    ]
    return np.concatenate(parts, axis=2)


def _shares(
    masks: Ints, converted: Floats, lost: Floats, channels: int, prior_journeys: float
) -> Floats:
    draws = converted.shape[1]
    journeys = converted + lost
    whole = journeys.sum(axis=0)
    usual = np.divide(converted.sum(axis=0), whole, out=np.zeros(draws), where=whole > 0)
    worth = np.zeros((2**channels, draws))
    worth[masks] = np.divide(
        converted + prior_journeys * usual,
        journeys + prior_journeys,
        out=np.zeros_like(journeys),
        where=journeys > 0,
    )
    worth[0] = 0
    for channel in range(channels):
        without, with_it = _halves(worth, channel)
        np.maximum(without, with_it, out=with_it)

    # What a set is worth beyond all of its parts (Harsanyi 1963): its members share that alike.
    for channel in range(channels):
        without, with_it = _halves(worth, channel)
        with_it -= without
    sizes = np.bitwise_count(np.arange(2**channels))
    worth[1:] /= sizes[1:, None]

    earned = np.zeros((channels, len(masks), draws))
    for channel in range(channels):
        # sets with the channel, that bit taken out of their numbers
        of_it = np.ascontiguousarray(_halves(worth, channel)[1]).reshape(-1, draws)
        for other in range(channels - 1):
            without, with_it = _halves(of_it, other)
            with_it += without
        rows = np.flatnonzero(masks >> channel & 1)
        low = masks[rows] & ((1 << channel) - 1)
        earned[channel, rows] = of_it[low | masks[rows] >> (channel + 1) << channel]
    # what is left of exact zeros by rounding
    earned[earned < 1e-12] = 0
    total = earned.sum(axis=0)
    # a set of which nothing came shares nothing, alike
    member = (masks >> np.arange(channels)[:, None] & 1)[:, :, None]
    alike = member / np.maximum(np.bitwise_count(masks), 1)[None, :, None]
    return np.where(total > 0, earned / np.where(total > 0, total, 1), alike)


def _halves(numbers: Floats, bit: int) -> tuple[Floats, Floats]:
    """Views of the sets without and with a member, which are pairs at a distance."""
    pairs = numbers.reshape(-1, 2, 2**bit, numbers.shape[1])
    return pairs[:, 0], pairs[:, 1]
