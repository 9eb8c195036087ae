"""What each channel is owed of a span's conversions and money, by several models, with intervals.

Every model gives out all conversions and all money. The rules (``rapport.journey.rules``) share
each conversion among the touches of its own path. The Markov chain shares the conversions and the
money of all paths in proportion to the removal effects on each (``rapport.journey.markov``), and
the Shapley value those of each set of channels (``rapport.journey.shapley``). Conversions without
a touch are owed to none, by every model, and change nothing for the others.

How sure it is: the same is done with other customers like ours (``rapport.journey.bootstrap``), and
the interval holds the middle of what comes out. It says what chance does to the figures and not
whether a model is right: only a control arm does.

Everything but the few solves is linear in how often a customer is drawn. So features of paths
(their steps, their set of channels, their shares) are made once, and what the draws need are
products of sparse matrices with the weights, a few thousand journeys at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack

from rapport.journey import bootstrap, markov, rules, shapley
from rapport.journey.paths import Floats, Ints, Journeys, Paths, ranked

RULES = ("first", "last", "last_non_direct", "linear", "position", "time_decay")
"""Models that look at one path at a time."""

MODELS = (*RULES, "markov_1", "markov_2", "shapley")
"""All models; the Markov chain with a memory of one touch and of two."""

_ORDERS = {"markov_1": 1, "markov_2": 2}
_BLOCK = 4096  # journeys at a time: their weights stay in the processor's cache


@dataclass(frozen=True)
class Policy:
    """What a firm may decide.

    Attributes:
        half_life_hours: of ``time_decay``.
        first_share: of the first touch under ``position``.
        last_share: of the last one.
        prior_journeys: of ``shapley``, see ``rapport.journey.shapley.credits``.
        draws: of the bootstrap.
        level: how often the interval should hold, 0 to 1.
    """

    half_life_hours: float = 168.0
    first_share: float = 0.4
    last_share: float = 0.4
    prior_journeys: float = 0.0
    draws: int = 200
    level: float = 0.95


@dataclass(frozen=True)
class Credits:
    """What channels are owed; rows are channels, and the last one is none.

    Attributes:
        models: which models, in order, without `shapley` where the sets of channels are too many.
        count: conversions, shape ``(models, channels + 1)``.
        count_low: lower end of the interval, same shape, as of all that follow.
        count_high: upper end.
        amount: money.
        amount_low: lower end.
        amount_high: upper end.
        journeys: journeys that the channel touched, shape ``(channels + 1,)``; of the last row
            conversions without a touch.
        converted_journeys: those of them that converted, same shape.
    """

    models: tuple[str, ...]
    count: Floats
    count_low: Floats
    count_high: Floats
    amount: Floats
    amount_low: Floats
    amount_high: Floats
    journeys: Ints
    converted_journeys: Ints


def attribute(
    paths: Paths,
    journeys: Journeys,
    channels: int,
    policy: Policy = Policy(),
    models: Sequence[str] = MODELS,
) -> Credits:
    """Return what each channel is owed of the journeys' conversions and money.

    No order of paths or journeys changes more than the last digits. A model of which nothing can
    be said does not fail: without a conversion everything is 0; without a journey that failed the
    chains and sets stand as they are; a channel that is only in failed journeys is owed 0.

    Args:
        paths: the distinct paths.
        journeys: who walked them. Those that failed without a touch change nothing.
        channels: number of channels.
        policy: what a firm may decide.
        models: some of ``MODELS``; ``shapley`` is left out where the sets of channels that
            occur have more parts than ``shapley.MOST_SETS``: never of 14 channels or fewer.

    Example:
        >>> from rapport.journey.paths import from_lists
        >>> toy = from_lists([[0, 1, 0, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0]])
        >>> attribute(*toy, channels=2, models=["markov_1"]).count.round(3).tolist()
        [[2.0, 1.0, 0.0]]
    """
    if paths.channel.max(initial=-1) >= channels:
        raise ValueError(f"channel {paths.channel.max()} is not one of {channels}")
    unknown = set(models) - set(MODELS)
    if unknown:
        raise ValueError(f"unknown models: {sorted(unknown)}")
    # channels that touched nobody cost nothing
    used, code = ranked(paths.channel, channels)
    compact = Paths(code, paths.is_direct, paths.length)
    features = _Features(compact, len(used), models, policy)
    drawn = features.drawn(journeys, policy)
    count, amount = features.credits(drawn, policy)

    wide = np.zeros((2, len(features.models), channels + 1, policy.draws + 1))
    rows = np.append(used, channels)
    wide[0][:, rows], wide[1][:, rows] = count, amount
    # the first column is what was seen, the others are draws
    tail = (1 - policy.level) / 2
    ends = wide[..., 1:] if policy.draws else wide
    low, high = np.quantile(ends, [tail, 1 - tail], axis=-1)
    touched = np.zeros((2, channels + 1), dtype=np.int64)
    touched[:, rows] = features.touched(journeys)
    return Credits(
        features.models,
        *(wide[0, ..., 0], low[0], high[0]),
        *(wide[1, ..., 0], low[1], high[1]),
        *touched,
    )


@dataclass(frozen=True)
class _Drawn:
    """Sums over journeys, by draw; the first draw is what was seen.

    Attributes:
        steps: of every chain, by name of the model: journeys by kind of step.
        converted: converted journeys by outcome (see ``_Features.outcomes``).
        lost: the others.
        value: money.
        decayed: credit of ``time_decay``, conversions and money, shape ``(2, channels, draws)``.
    """

    steps: dict[str, Floats]
    converted: Floats
    lost: Floats
    value: Floats
    decayed: Floats


class _Features:
    """What the models need to know of distinct paths, as sparse matrices with a row per path.

    ``outcomes`` has side by side what is asked of converted journeys, of lost ones and of money:
    whether there was a touch at all, shares by the rules, the chains' last states, the sets of
    channels. ``steps`` is asked of all journeys.
    """

    def __init__(self, paths: Paths, channels: int, models: Sequence[str], policy: Policy) -> None:
        self.paths = paths
        self.channels = channels
        self.sets = shapley.channel_sets(paths, channels) if "shapley" in models else None
        self.models = tuple(
            model for model in models if model != "shapley" or self.sets is not None
        )
        self.half_life_hours = policy.half_life_hours
        self.chains = {
            model: markov.chain(paths, _ORDERS[model]) for model in models if model in _ORDERS
        }
        size = len(paths.length)
        untouched = (paths.length == 0).astype(np.float64)
        parts: dict[str, csr_array] = {"none": csr_array(untouched[:, None])}
        for model in self.models:
            if model in self.chains:
                parts[model] = self.chains[model].last
            elif self.sets and model == "shapley":
                parts[model] = self.sets.touched
            elif model != "time_decay":
                earned = self._rule(model, policy)
                rows = earned != 0
                parts[model] = csr_array(
                    (earned[rows], (paths.owner[rows], paths.channel[rows])), shape=(size, channels)
                )
        ends = np.cumsum([part.shape[1] for part in parts.values()])
        self.place = {
            name: slice(int(end) - part.shape[1], int(end))
            for (name, part), end in zip(parts.items(), ends, strict=True)
        }
        self.outcomes = csr_array(hstack(list(parts.values()), format="csr"))
        self.step_ends = np.cumsum([0, *(walked.steps.shape[1] for walked in self.chains.values())])
        self.steps = (
            csr_array(hstack([walked.steps for walked in self.chains.values()], format="csr"))
            if self.chains
            else csr_array((size, 0))
        )

    def _rule(self, model: str, policy: Policy) -> Floats:
        if model == "position":
            return rules.position(self.paths, policy.first_share, policy.last_share)
        rule: Any = getattr(rules, model)
        earned: Floats = rule(self.paths)
        return earned

    def touched(self, journeys: Journeys) -> Ints:
        """Journeys that each channel touched, all and converted, the last without a touch."""
        size = len(self.paths.length)
        walked = [
            np.bincount(journeys.path, minlength=size),
            np.bincount(journeys.path[journeys.is_converted], minlength=size),
        ]
        ones = np.ones(len(self.paths.channel))
        touches = csr_array(
            (ones, (self.paths.owner, self.paths.channel)), shape=(size, self.channels)
        )
        touches.sum_duplicates()
        touches.data[:] = 1  # once or more often
        none = int(walked[1][self.paths.length == 0].sum())
        return np.array(
            [[*(touches.T @ times).astype(int), none] for times in walked], dtype=np.int64
        )

    def drawn(self, journeys: Journeys, policy: Policy) -> _Drawn:
        """Return what each draw of customers gives, some journeys at a time."""
        draws = policy.draws + 1
        order = np.argsort(journeys.path, kind="stable")
        steps = np.zeros((self.steps.shape[1], draws))
        results = np.zeros((self.outcomes.shape[1], 3 * draws))
        decayed = np.zeros((2 * self.channels, draws))
        decay = self._decay(journeys) if "time_decay" in self.models else None
        for at in range(0, len(order), _BLOCK):
            rows = order[at : at + _BLOCK]
            weight = np.ones((len(rows), draws))
            weight[:, 1:] = bootstrap.weights(journeys.customer[rows], policy.draws)
            low = journeys.path[rows[0]]
            high = journeys.path[rows[-1]] + 1
            # how often each path was walked, and converted, lost, for what money
            converted = journeys.is_converted[rows].astype(np.float64)
            place = journeys.path[rows] - low
            sums = _sum_rows(
                place,
                np.stack([converted, 1 - converted, journeys.value[rows]]),
                high - low,
                weight,
            )
            results += self.outcomes[low:high].T @ sums.reshape(high - low, -1)
            if self.chains:
                steps += self.steps[low:high].T @ (sums[:, 0] + sums[:, 1])
            if decay is not None:
                decayed += decay[rows].T @ weight
        converted, lost, value = results.reshape(-1, 3, draws).transpose(1, 0, 2)
        return _Drawn(
            {
                model: steps[begin:end]
                for model, begin, end in zip(
                    self.chains, self.step_ends[:-1], self.step_ends[1:], strict=True
                )
            },
            converted,
            lost,
            value,
            decayed.reshape(2, self.channels, draws),
        )

    def _decay(self, journeys: Journeys) -> csr_array:
        """Credit by journey and channel, conversions and beside them money."""
        converted = np.flatnonzero(journeys.is_converted)
        length = self.paths.length[journeys.path[converted]]
        if length.sum() != len(journeys.hours_before_end):
            raise ValueError("hours_before_end has not one hour for each touch of a conversion")
        owner = np.repeat(converted, length)
        begin = np.cumsum(length) - length
        within = np.arange(len(owner)) - np.repeat(begin, length)
        touch = np.repeat(self.paths.first[journeys.path[converted]], length) + within
        channel = self.paths.channel[touch]
        earned = rules.time_decay(journeys.hours_before_end, length, self.half_life_hours)
        money = csr_array(
            (
                np.concatenate([earned, earned * journeys.value[owner]]),
                (np.tile(owner, 2), np.concatenate([channel, channel + self.channels])),
            ),
            shape=(len(journeys.path), 2 * self.channels),
        )
        money.sum_duplicates()
        return money

    def credits(self, drawn: _Drawn, policy: Policy) -> tuple[Floats, Floats]:
        """Conversions and money of each model, shape ``(models, channels + 1, draws)``, both."""
        draws = policy.draws + 1
        count = np.zeros((len(self.models), self.channels + 1, draws))
        amount = np.zeros_like(count)
        count[:, -1], amount[:, -1] = drawn.converted[0], drawn.value[0]
        for row, model in enumerate(self.models):
            if model == "time_decay":
                count[row, :-1], amount[row, :-1] = drawn.decayed
                continue
            place = self.place[model]
            converted, value = drawn.converted[place], drawn.value[place]
            if model in self.chains:
                given = self._by_removal(model, drawn, converted, drawn.lost[place], value)
            elif self.sets and model == "shapley":
                given = shapley.credits(
                    self.sets, converted, drawn.lost[place], value, policy.prior_journeys
                )
            else:
                given = converted, value
            count[row, :-1], amount[row, :-1] = given
        return count, amount

    def _by_removal(
        self, model: str, drawn: _Drawn, converted: Floats, lost: Floats, value: Floats
    ) -> tuple[Floats, Floats]:
        effects, money_effects = markov.removal_effects(
            self.chains[model], drawn.steps[model], converted, lost, value, self.channels
        )
        shares = _normalised(effects)
        # Money that was given back, or vouchers: nobody's share of it can be told from effects of
        # both signs, so it goes the way of the conversions.
        plain = (money_effects >= 0).all(axis=0) & (money_effects.sum(axis=0) > 0)
        money_shares = np.where(plain, _normalised(money_effects), shares)
        return shares * converted.sum(axis=0), money_shares * value.sum(axis=0)


def _sum_rows(place: Ints, factors: Floats, size: int, weight: Floats) -> NDArray[np.float64]:
    """Sums of the weights by place, once with each factor, shape ``(size, factors, draws)``."""
    rows = (place * len(factors) + np.arange(len(factors))[:, None]).ravel()
    columns = np.tile(np.arange(len(place)), len(factors))
    values = factors.ravel()
    kept = values != 0
    adding = csr_array(
        (values[kept], (rows[kept], columns[kept])), shape=(size * len(factors), len(place))
    )
    sums: Floats = (adding @ weight).reshape(size, len(factors), weight.shape[1])
    return sums


def _normalised(effects: Floats) -> Floats:
    total = effects.sum(axis=0)
    return effects / np.where(total == 0, 1, total)
