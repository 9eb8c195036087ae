"""The removal effect on an absorbing Markov chain, solved exactly.

Journeys are walks on a chain: from the start over touches to a conversion or to nothing. The
removal effect of a channel is the share of the conversions that would be lost if whoever comes to
it went no further (Anderl et al., "Mapping the customer journey", IJRM 2016). With the chain's
fundamental matrix ``N = (I - Q)^-1`` nothing needs to be simulated: what is lost is
``P(reach c) * P(convert from c)``, and both are in the one ``N`` for all channels. Touches of one
channel after another stay in the chain as steps to itself.

The chain of the first order forgets how one came to a channel, so it holds detours that nobody
walked: of A>B three times, A>C twice and B>A>C once it goes from the start to B, from there
around A, to the conversion, in one case of eight; A is in every path, and its removal effect is
0.875. The second order remembers one touch more, and needs more journeys for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from rapport.journey.paths import Floats, Ints, Paths, ranked

_MOST_NUMBERS = 4_000_000  # of one batch of matrices: 32 MB


@dataclass(frozen=True)
class Chain:
    """The states and steps that occur in paths.

    Attributes:
        channel: channel of each state, shape ``(states,)``.
        origin: state that each kind of step comes from, ``states`` being the start, shape
            ``(steps,)``.
        target: state that it leads to, shape ``(steps,)``.
        steps: how often each path takes each step, shape ``(paths, steps)``.
        last: which state each path ends in, shape ``(paths, states)``; ones.
    """

    channel: Ints
    origin: Ints
    target: Ints
    steps: csr_array
    last: csr_array


def chain(paths: Paths, order: int) -> Chain:
    """Return the chain whose states are the last ``order`` touches, 1 or 2."""
    if order not in (1, 2):
        raise ValueError(f"a chain of order 1 or 2, not {order}")
    is_first = paths.place == 0
    width = int(paths.channel.max(initial=-1)) + 2
    before = np.where(is_first, width - 1, np.roll(paths.channel, 1))
    codes = paths.channel if order == 1 else before * width + paths.channel
    known, state = ranked(codes, width**order)
    size = len(known)
    origin = np.where(is_first, size, np.roll(state, 1))
    kinds, kind = ranked(origin * (size + 1) + state, (size + 1) ** 2)
    ones = np.ones(len(state))
    shape = len(paths.length)
    walked = paths.length > 0
    ends = paths.first[walked] + paths.length[walked] - 1
    return Chain(
        channel=known % width,
        origin=kinds // (size + 1),
        target=kinds % (size + 1),
        # what is there twice is added up
        steps=csr_array((ones, (paths.owner, kind)), shape=(shape, len(kinds))),
        last=csr_array(
            (ones[: len(ends)], (np.flatnonzero(walked), state[ends])), shape=(shape, size)
        ),
    )


def removal_effects(
    walked: Chain, steps: Floats, converted: Floats, lost: Floats, value: Floats, channels: int
) -> tuple[Floats, Floats]:
    """Return the share of conversions and of money that is lost without each channel.

    Money is earned on the last step of a conversion: a state's is the mean of what the journeys
    that went on from it, or ended there, brought at once.

    Args:
        walked: the chain.
        steps: journeys that took each step, shape ``(steps, draws)``.
        converted: journeys that converted from each state, shape ``(states, draws)``.
        lost: journeys that ended there without, same shape.
        value: money of those that converted, same shape.
        channels: number of channels.

    Returns:
        Two arrays of shape ``(channels, draws)``: 0 where there is nothing to lose.
    """
    draws = steps.shape[1]
    effects = np.zeros((2, channels, draws))
    for some in _batches(len(walked.channel) + 1, draws):
        effects[:, :, some] = _effects(
            walked, steps[:, some], converted[:, some], lost[:, some], value[:, some], channels
        )
    return effects[0], effects[1]


def _effects(
    walked: Chain, steps: Floats, converted: Floats, lost: Floats, value: Floats, channels: int
) -> Floats:
    size, draws = converted.shape
    leaving = np.zeros((size + 1, draws))
    np.add.at(leaving, walked.origin, steps)
    leaving[:size] += converted + lost
    per_leaving = np.divide(1.0, leaving, out=np.zeros_like(leaving), where=leaving > 0)

    going = np.zeros((draws, size + 1, size + 1))
    going[:, walked.origin, walked.target] = -(steps * per_leaving[walked.origin]).T
    going += np.eye(size + 1)
    visits = np.linalg.inv(going)

    gains = np.zeros((draws, size + 1, 2))
    gains[:, :size, 0] = (converted * per_leaving[:size]).T
    gains[:, :size, 1] = (value * per_leaving[:size]).T
    expected = visits @ gains  # of conversions and money, from each state

    missed = np.zeros((2, channels, draws))
    for channel in np.unique(walked.channel):
        of_it = np.flatnonzero(walked.channel == channel)
        # where a walk meets the channel for the first time: visits = first meetings, then returns
        returns = visits[:, of_it[:, None], of_it]
        met = np.linalg.solve(returns.transpose(0, 2, 1), visits[:, size, of_it][..., None])
        missed[:, channel] = (met * expected[:, of_it]).sum(axis=1).T
    whole = expected[:, size].T[:, None, :]
    return np.divide(missed, whole, out=np.zeros_like(missed), where=whole != 0)


def _batches(size: int, draws: int) -> Iterator[slice]:
    step = max(1, _MOST_NUMBERS // size**2)
    return (slice(start, start + step) for start in range(0, draws, step))
