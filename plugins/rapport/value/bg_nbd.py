"""How often a customer will order: BG/NBD (Fader, Hardie and Lee 2005).

While a customer lives they order at a rate of their own, at random times; after each repeat order
they leave for good with a probability of their own. Rates are spread over customers as a
Gamma(``r``, ``alpha``), probabilities as a Beta(``a``, ``b``). All that a customer tells of theirs
is how often they came back (``repeats``), when they did so last (``recency``) and how long ago they
came first (``age``); customers alike in the three are one cell, with their number as its weight.

Source: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way: An Alternative to
the Pareto/NBD Model, Marketing Science 24 (2005), 275-284; equations by their numbers there.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rapport.value.likelihood import Floats, Ints, Maximum, maximum

# In ages: alpha is a share of the mean one while it is sought.
_STARTS = (
    (0.5, 0.2, 0.8, 2.5),
    (1.0, 1.0, 1.0, 10.0),
    (5.0, 1.0, 0.2, 20.0),
    (0.2, 0.05, 2.0, 2.0),
)
_MOST_ORDERS, _RARE = 10_000, 1e-12  # what is beyond, or less likely, is left out
_MANY, _LEVELS = 20_000, 32  # cells, beyond which times are first rounded to so many levels
_BLOCK = 8192  # cells at a time


class Parameters(NamedTuple):
    """Of the company.

    Attributes:
        r: shape of the Gamma of rates.
        alpha: rate of it, in the unit of time: r / alpha orders in a unit is the mean.
        a: of the Beta of probabilities to leave after an order; a / (a + b) is the mean.
        b: of it.
    """

    r: float
    alpha: float
    a: float
    b: float


@dataclass(frozen=True)
class Cells:
    """Customers alike, a cell per element; all of shape ``(cells,)``.

    Attributes:
        repeats: orders after the first, x.
        recency: ticks from the first order to the last, t_x.
        age: ticks from the first order to the end of what was seen, T.
        weight: customers in the cell.
        ticks: in a unit of time: 7 where ticks are days and the unit is a week.
    """

    repeats: Ints
    recency: Ints
    age: Ints
    weight: Ints
    ticks: float = 1.0

    def __post_init__(self) -> None:
        if not (self.recency <= self.age).all() or not (self.repeats >= 0).all():
            raise ValueError("an order lies after the end of what was seen, or a count below 0")

    @property
    def customers(self) -> int:
        """Customers of all cells."""
        return int(self.weight.sum())

    def rounded(self, levels: int) -> "Cells":
        """Return fewer cells: who is alike by so many levels of time is one, of mean times."""
        tick = -(-int(self.age.max() + 1) // levels)
        sides = (int(self.repeats.max()) + 1, levels, levels)
        place = np.ravel_multi_index((self.repeats, self.recency // tick, self.age // tick), sides)
        weights = np.bincount(place, self.weight)
        kept = np.flatnonzero(weights)
        weight = weights[kept]
        recency, age = (
            np.rint(np.bincount(place, self.weight * times)[kept] / weight).astype(np.int64)
            for times in (self.recency, self.age)
        )
        repeats, _, _ = np.unravel_index(kept, sides)
        return Cells(repeats, recency, age, weight.astype(np.int64), self.ticks)


def fit(cells: Cells) -> Maximum:
    """Return the parameters, in the order of ``Parameters``, of highest likelihood (eq. 6).

    The likelihood is that of times of orders, so another unit of time moves its logarithm by the
    logarithm of the unit for each repeat, and ``alpha`` in proportion; nothing else.

    Raises:
        ValueError: nobody, or nobody who is older than their first order.
    """
    size = cells.customers
    unit = float(cells.weight @ cells.age) / cells.ticks / size if size else 0.0
    if not unit > 0:
        raise ValueError("BG/NBD needs somebody who came before the end of what was seen")
    whole = _Likelihood(cells, unit)
    coarse = _Likelihood(cells.rounded(_LEVELS), unit) if len(cells.age) > _MANY else whole
    found = maximum(coarse.sloped, whole.curved, _STARTS)
    moved = -float(cells.weight @ cells.repeats) * np.log(unit)
    return found.of_all(size, (1.0, unit, 1.0, 1.0), moved)


class _Likelihood:
    """Mean over customers, times in units. Logarithms are taken once per number and time."""

    def __init__(self, cells: Cells, unit: float) -> None:
        weight = cells.weight / cells.customers
        self.counts = np.arange(int(cells.repeats.max()) + 1)
        self.times = np.arange(int(cells.age.max()) + 1) / (cells.ticks * unit)
        self.by_count = np.bincount(cells.repeats, weight)
        self.at_age = np.bincount(cells.age, weight)
        self.orders_at = np.bincount(cells.age, weight * cells.repeats)
        # the others are those who came back
        again = np.flatnonzero(cells.repeats > 0)
        self.weight, self.count = weight[again], cells.repeats[again]
        self.age, self.recency = cells.age[again], cells.recency[again]

    def sloped(self, parameters: Floats) -> tuple[float, Floats]:
        """Return the likelihood's logarithm and its gradient."""
        value, gradient, _ = self._derived(parameters, is_curved=False)
        return value, gradient

    def curved(self, parameters: Floats) -> tuple[float, Floats, Floats]:
        """Return the same and the matrix of second derivatives."""
        return self._derived(parameters, is_curved=True)

    def _derived(self, parameters: Floats, *, is_curved: bool) -> tuple[float, Floats, Floats]:
        from scipy.special import digamma, gammaln, polygamma

        r, alpha, a, b = parameters
        counts, by_count = self.counts, self.by_count
        log_time, per_time = np.log(alpha + self.times), 1 / (alpha + self.times)
        # r + x of all, and 1, by age
        orders_at, customers_at = r * self.at_age + self.orders_at, self.at_age
        left = self._left(parameters, is_curved=is_curved)
        value = (
            by_count
            @ (
                gammaln(r + counts)
                - gammaln(r)
                + gammaln(a + b)
                - gammaln(a + b + counts)
                + gammaln(b + counts)
                - gammaln(b)
            )
            + r * np.log(alpha)
            - orders_at @ log_time
            + left.value
        )
        slope_ab = by_count @ (digamma(a + b) - digamma(a + b + counts))
        of_rate = by_count @ (digamma(r + counts) - digamma(r)) + np.log(alpha)
        gradient = left.gradient
        gradient += (
            of_rate - customers_at @ log_time,
            r / alpha - orders_at @ per_time,
            slope_ab,
            slope_ab + by_count @ (digamma(b + counts) - digamma(b)),
        )
        curvature = left.curvature
        if is_curved:
            curvature[0, 0] += by_count @ (polygamma(1, r + counts) - polygamma(1, r))
            curvature[0, 1] += 1 / alpha - customers_at @ per_time
            curvature[1, 0] = curvature[0, 1]
            curvature[1, 1] += orders_at @ per_time**2 - r / alpha**2
            curvature[2:, 2:] += by_count @ (polygamma(1, a + b) - polygamma(1, a + b + counts))
            curvature[3, 3] += by_count @ (polygamma(1, b + counts) - polygamma(1, b))
        return float(value), gradient, curvature

    def _left(self, parameters: Floats, *, is_curved: bool) -> "_Left":
        """What the odds that those who came back have left since bring to the likelihood.

        It is the mean of ``log(1 + odds)``. A block of cells at a time stays in the processor's
        cache.
        """
        r, alpha, a, b = parameters
        log_time, per_time = np.log(alpha + self.times), 1 / (alpha + self.times)
        square = per_time**2
        per_b = 1 / (b + np.maximum(self.counts, 1) - 1)
        log_ab = np.log(a) + np.log(per_b)
        total = _Left(0.0, np.zeros(4), np.zeros((4, 4)))
        for at in range(0, len(self.count), _BLOCK):
            block = slice(at, at + _BLOCK)
            count, age, recency = self.count[block], self.age[block], self.recency[block]
            weight = self.weight[block]
            orders = r + count
            # slopes of the logarithm of the odds, by the parameters
            slopes = np.empty((4, len(count)))
            slopes[0] = log_time[age] - log_time[recency]
            later = per_time[age] - per_time[recency]
            slopes[1] = orders * later
            slopes[2] = 1 / a
            slopes[3] = -per_b[count]
            log_odds = log_ab[count] + orders * slopes[0]
            small = np.exp(-np.abs(log_odds))
            share = np.where(log_odds > 0, 1, small) / (1 + small)
            left = weight * share
            total.value += weight @ (np.maximum(log_odds, 0) + np.log1p(small))
            total.gradient += slopes @ left
            if is_curved:
                total.curvature += (slopes * (left * (1 - share))) @ slopes.T
                total.curvature[0, 1] += left @ later
                total.curvature[1, 1] += left @ (orders * (square[recency] - square[age]))
                total.curvature[2, 2] -= left.sum() / a**2
                total.curvature[3, 3] += left @ slopes[3] ** 2
        return total


@dataclass
class _Left:
    """A value with its derivatives; of the matrix, 0, 1 holds what 1, 0 is to be."""

    value: float
    gradient: Floats
    curvature: Floats


def alive(parameters: Parameters, cells: Cells) -> Floats:
    """Return the probability that a customer has not left, shape ``(cells,)``.

    Who never came back is alive for certain: the model lets nobody leave before.
    """
    from scipy.special import expit

    r, alpha, a, b = parameters
    x = np.maximum(cells.repeats, 1)
    times = np.log(alpha + np.arange(int(cells.age.max(initial=0)) + 1) / cells.ticks)
    log_odds = np.log(a) - np.log(b + x - 1) + (r + x) * (times[cells.age] - times[cells.recency])
    return np.where(cells.repeats > 0, expit(-log_odds), 1.0)


class Ahead:
    """What lies ahead of customers who are alive: it depends on ``repeats`` and ``age`` alone.

    It is worked out once for each distinct pair of the two.

    Args:
        parameters: of the company.
        cells: the customers.
    """

    def __init__(self, parameters: Parameters, cells: Cells) -> None:
        self.parameters = parameters
        self.alive = alive(parameters, cells)
        sides = (int(cells.repeats.max(initial=0)) + 1, int(cells.age.max(initial=0)) + 1)
        pair = np.ravel_multi_index((cells.repeats, cells.age), sides)
        occurs = np.bincount(pair) > 0
        self.pair = (np.cumsum(occurs) - 1)[pair]
        repeats, age = np.unravel_index(np.flatnonzero(occurs), sides)
        self.repeats = repeats.astype(np.float64)
        self.age = age / cells.ticks

    def expected(self, time: float) -> Floats:
        """Return the expected number of orders in the time ahead, shape ``(cells,)``.

        What equation 10 gives by a hypergeometric function, as the sum of the likelihoods of more
        than no order, more than one, and so on: it holds whatever the parameters.
        """
        total = np.zeros(len(self.age))
        for rows, likelihood in self._more_than(time):
            total[rows] += likelihood
        return self.alive * total[self.pair]

    def discounted(self, time: float, rate: float, parts: int = 12) -> Floats:
        """Return the expected orders ahead, each worth less the later it is, shape ``(cells,)``.

        Args:
            time: how long ahead.
            rate: what an order at the end of the time is worth less: ``1 / (1 + rate)``.
            parts: of the time; all orders of a part lie in its middle.
        """
        total, before = np.zeros(len(self.pair)), np.zeros(len(self.pair))
        for part in range(1, parts + 1):
            until = self.expected(time * part / parts)
            total += (until - before) / (1 + rate) ** ((part - 0.5) / parts)
            before = until
        return total

    def quantile(self, time: float, share: float) -> Ints:
        """Return the least number of orders that is not exceeded with probability ``share``."""
        result = np.zeros(len(self.pair), dtype=np.int64)
        waiting = np.arange(len(self.pair))
        for count, (rows, likelihood) in enumerate(self._more_than(time), start=1):
            of_pair = np.zeros(len(self.age))
            of_pair[rows] = likelihood
            more = self.alive[waiting] * of_pair[self.pair[waiting]]
            waiting = waiting[more > 1 - share]
            if not len(waiting):
                break
            result[waiting] = count
        return result

    def _more_than(self, time: float) -> Iterator[tuple[Ints, Floats]]:
        """Yield how likely more than 0, 1, 2, ... orders are, of pairs that are alive.

        More than y orders come if somebody leaves after none of the first y, and their rate gives
        more than y: a ratio of Betas and the tail of a negative binomial, as rate and likelihood to
        leave are independent given the past. Each is yielded with the pairs that it is of; the
        others have none worth a mention.
        """
        r, alpha, a, b = self.parameters
        rows: Ints = np.arange(len(self.age))
        stays: Floats = np.ones(len(rows))
        stayed = b + self.repeats
        shape, within = r + self.repeats, time / (alpha + self.age + time)
        exactly = np.exp(shape * np.log1p(-within))
        beyond = -np.expm1(shape * np.log1p(-within))
        for count in range(_MOST_ORDERS):
            yield rows, stays * beyond
            stays = stays * (stayed + count) / (a + stayed + count)
            exactly = exactly * within * (shape + count) / (count + 1)
            beyond = np.maximum(beyond - exactly, 0)
            likely = np.flatnonzero(stays * beyond > _RARE)
            if not len(likely):
                break
            if len(likely) < 0.8 * len(rows):
                rows = rows[likely]
                stayed, shape, within, exactly, beyond, stays = (
                    each[likely] for each in (stayed, shape, within, exactly, beyond, stays)
                )
