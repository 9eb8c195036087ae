"""How often a customer will order: BG/NBD (Fader, Hardie and Lee 2005).

While a customer lives they order at a rate of their own, at random times; after each repeat order
they leave for good with a probability of their own. Rates are spread over customers as a
Gamma(``r``, ``alpha``), probabilities as a Beta(``a``, ``b``). All that a customer tells of theirs
is how often they came back (``repeats``), when they did so last (``recency``) and how long ago they
came first (``age``); customers alike in the three are one cell, with their number as its weight.

Source: P. Fader, B. Hardie, K. L. Lee, "Counting Your Customers" the Easy Way: An Alternative to
the Pareto/NBD Model, Marketing Science 24 (2005), 275-284; equations by their numbers there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rapport.value.likelihood import Floats, Ints, Maximum, maximum

# In ages: alpha is a share of the mean one while it is sought.
_STARTS = ((0.5, 0.2, 0.8, 2.5), (1.0, 1.0, 1.0, 10.0), (5.0, 1.0, 0.2, 20.0), (0.2, 0.05, 2.0, 2.0))
_MOST_ORDERS = 10_000  # a quantile beyond is told as this


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
        recency: time from the first order to the last, t_x.
        age: time from the first order to the end of what was seen, T.
        weight: customers in the cell.
    """

    repeats: Ints
    recency: Floats
    age: Floats
    weight: Ints

    def __post_init__(self) -> None:
        if not (self.recency <= self.age).all() or not (self.repeats >= 0).all():
            raise ValueError("an order lies after the end of what was seen, or a count below 0")

    @property
    def customers(self) -> int:
        return int(self.weight.sum())


def fit(cells: Cells) -> Maximum:
    """Return the parameters, in the order of ``Parameters``, of highest likelihood (eq. 6).

    The likelihood is that of times of orders, so another unit of time moves its logarithm by the
    logarithm of the unit for each repeat, and ``alpha`` in proportion; nothing else.

    Raises:
        ValueError: nobody, or nobody who is older than their first order.
    """
    size = cells.customers
    unit = float(cells.weight @ cells.age) / size if size else 0.0
    if not unit > 0:
        raise ValueError("BG/NBD needs somebody who came before the end of what was seen")
    found = maximum(_Likelihood(cells, unit), _STARTS)
    scale = np.array([1.0, unit, 1.0, 1.0])
    return Maximum(
        found.parameters * scale,
        found.standard_errors * scale / np.sqrt(size),
        found.log_likelihood * size - float(cells.weight @ cells.repeats) * np.log(unit),
        found.is_summit,
    )


class _Likelihood:
    """Mean over customers, times in units. Logarithms are taken once per distinct time."""

    def __init__(self, cells: Cells, unit: float) -> None:
        self.x = cells.repeats.astype(np.float64)
        self.weight = cells.weight / cells.customers
        self.ages, self.age = np.unique(cells.age / unit, return_inverse=True)
        self.recencies, self.recency = np.unique(cells.recency / unit, return_inverse=True)
        self.again = np.flatnonzero(cells.repeats > 0)
        self.counts, count = np.unique(cells.repeats, return_inverse=True)
        self.by_count = np.bincount(count, self.weight)
        self.count = count[self.again]

    def __call__(self, parameters: Floats) -> tuple[float, Floats]:
        from scipy.special import digamma, expit, gammaln

        r, alpha, a, b = parameters
        x, weight, again = self.x, self.weight, self.again
        counts, by_count = self.counts, self.by_count
        log_age, log_recency = np.log(alpha + self.ages), np.log(alpha + self.recencies)
        per_age, per_recency = 1 / (alpha + self.ages), 1 / (alpha + self.recencies)
        # of those who came back: odds that they left after their last order
        longer = log_age[self.age[again]] - log_recency[self.recency[again]]
        of_count = np.log(a) - np.log(b + np.maximum(counts, 1) - 1)
        log_odds = of_count[self.count] + (r + x[again]) * longer
        weight_again = weight[again]
        left = weight_again * expit(log_odds)
        at_age = np.bincount(self.age, weight * (r + x), minlength=len(self.ages))
        of_age = np.bincount(self.age, weight, minlength=len(self.ages))
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
            - at_age @ log_age
            + weight_again @ np.logaddexp(0, log_odds)
        )
        turned = left * (r + x[again])
        gradient = (
            by_count @ (digamma(r + counts) - digamma(r))
            + np.log(alpha)
            - of_age @ log_age
            + left @ longer,
            r / alpha
            - at_age @ per_age
            + turned @ (per_age[self.age[again]] - per_recency[self.recency[again]]),
            by_count @ (digamma(a + b) - digamma(a + b + counts)) + left.sum() / a,
            by_count @ (digamma(b + counts) - digamma(b) + digamma(a + b) - digamma(a + b + counts))
            - left @ (1 / (b + counts - 1 + (counts == 0)))[self.count],
        )
        return float(value), np.array(gradient)


def alive(parameters: Parameters, cells: Cells) -> Floats:
    """Return the probability that a customer has not left, shape ``(cells,)``.

    Who never came back is alive for certain: the model lets nobody leave before.
    """
    from scipy.special import expit

    r, alpha, a, b = parameters
    x = np.maximum(cells.repeats, 1)
    log_odds = (
        np.log(a)
        - np.log(b + x - 1)
        + (r + x) * (np.log(alpha + cells.age) - np.log(alpha + cells.recency))
    )
    return np.where(cells.repeats > 0, expit(-log_odds), 1.0)


class Ahead:
    """What lies ahead of customers who are alive: it depends on ``repeats`` and ``age`` alone.

    Special functions are asked once for each distinct pair of the two.

    Args:
        parameters: of the company.
        cells: the customers.
    """

    def __init__(self, parameters: Parameters, cells: Cells) -> None:
        self.parameters = parameters
        self.alive = alive(parameters, cells)
        ages, age = np.unique(cells.age, return_inverse=True)
        counts, count = np.unique(cells.repeats, return_inverse=True)
        pairs, self.pair = np.unique(count * len(ages) + age, return_inverse=True)
        self.repeats = counts[pairs // len(ages)].astype(np.float64)
        self.age = ages[pairs % len(ages)]

    def expected(self, time: float) -> Floats:
        """Return the expected number of orders in the time ahead (eq. 10), shape ``(cells,)``.

        By Euler's transformation the hypergeometric function and the power before it are one of
        small parameters, which no number of orders makes overflow.
        """
        from scipy.special import hyp2f1

        r, alpha, a, b = self.parameters
        if abs(a - 1) < 1e-6:  # a removable gap
            a = 1 + 1e-6
        share = time / (alpha + self.age + time)
        kept = (1 - share) ** (a - 1) * hyp2f1(
            a + b - 1 - r, a - 1, a + b + self.repeats - 1, share
        )
        orders = (a + b + self.repeats - 1) / (a - 1) * (1 - kept)
        return self.alive * np.maximum(orders, 0)[self.pair]

    def discounted(self, time: float, rate: float, parts: int = 4) -> Floats:
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
        """Return the least number of orders that is not exceeded with probability ``share``.

        More than y orders come if the customer is alive, does not leave after any of the first y,
        and their rate gives more than y: a product, as the three are independent given the past,
        of a probability, a ratio of Betas and the tail of a negative binomial.
        """
        r, alpha, a, b = self.parameters
        result = np.zeros(len(self.pair), dtype=np.int64)
        within = time / (alpha + self.age + time)
        shape = r + self.repeats
        exactly = np.exp(shape * np.log1p(-within))  # no order at all
        beyond = 1 - exactly
        stays = np.ones(len(self.age))
        open_ = np.flatnonzero(self.alive * beyond[self.pair] > 1 - share)
        for count in range(1, _MOST_ORDERS + 1):
            if not len(open_):
                break
            result[open_] = count
            stays *= (b + self.repeats + count - 1) / (a + b + self.repeats + count - 1)
            exactly *= within * (shape + count - 1) / count
            beyond = np.maximum(beyond - exactly, 0)
            more = (stays * beyond)[self.pair[open_]] * self.alive[open_]
            open_ = open_[more > 1 - share]
        return result
