"""For how much a customer orders: Gamma-Gamma (Fader and Hardie 2013).

Orders of a customer vary as a Gamma of shape ``p`` around a mean of their own; the scales of these
are spread over customers as a Gamma of shape ``q`` and rate ``v``. Whoever orders often is thought
to spend no more an order than others, which has to be looked at. Orders after the first count, as
in the papers: a first order is often not like those that follow.

Source: P. Fader, B. Hardie, The Gamma-Gamma Model of Monetary Value, February 2013
(brucehardie.com/notes/025); equations by their numbers there.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rapport.value.likelihood import Floats, Ints, Maximum, maximum

# In mean amounts: v is a share of the mean one while it is sought.
_STARTS = ((5.0, 4.0, 0.6), (1.5, 2.5, 1.0), (30.0, 10.0, 0.3))
_MANY, _STEP = 20_000, 0.05  # cells, beyond which amounts are first rounded, in the logarithm


class Parameters(NamedTuple):
    """Of the company.

    Attributes:
        p: shape of a customer's orders around their mean.
        q: shape of the Gamma of scales.
        v: rate of it, in money: p * v / (q - 1) is the mean order.
    """

    p: float
    q: float
    v: float


@dataclass(frozen=True)
class Spenders:
    """Customers alike, all of shape ``(cells,)``.

    Attributes:
        orders: whose amounts are known, above 0.
        amount: of them together, above 0.
        weight: customers in the cell.
    """

    orders: Ints
    amount: Floats
    weight: Ints

    def __post_init__(self) -> None:
        if not (self.orders > 0).all() or not (self.amount > 0).all():
            raise ValueError("a spender has an order, and an amount above 0")

    @property
    def customers(self) -> int:
        """Customers of all cells."""
        return int(self.weight.sum())

    def rounded(self, step: float) -> "Spenders":
        """Return fewer cells: logarithms of amounts are rounded to steps."""
        level = np.rint(np.log(self.amount) / step).astype(np.int64)
        low = int(level.min())
        sides = (int(self.orders.max()) + 1, int(level.max()) - low + 1)
        weight = np.bincount(np.ravel_multi_index((self.orders, level - low), sides), self.weight)
        kept = np.flatnonzero(weight)
        orders, level = np.unravel_index(kept, sides)
        amount = np.exp((level + low) * step)
        return Spenders(orders, amount, weight[kept].astype(np.int64))


def fit(spenders: Spenders) -> Maximum:
    """Return the parameters, in the order of ``Parameters``, of highest likelihood (eq. 1a).

    Raises:
        ValueError: nobody, or the mean order is the same for all: it has no spread to describe.
    """
    size = spenders.customers
    mean = spenders.amount / spenders.orders
    if not size or np.ptp(mean) <= 1e-9 * mean.max():
        raise ValueError("Gamma-Gamma needs customers whose mean orders differ")
    unit = float(spenders.weight @ mean) / size
    whole = _Likelihood(spenders, unit)
    coarse = _Likelihood(spenders.rounded(_STEP), unit) if len(spenders.orders) > _MANY else whole
    found = maximum(coarse.sloped, whole.curved, _STARTS)
    return found.of_all(size, (1.0, 1.0, unit), -size * np.log(unit))


class _Likelihood:
    """Mean over customers of the likelihood of their mean order, amounts in units."""

    def __init__(self, spenders: Spenders, unit: float) -> None:
        self.weight = spenders.weight / spenders.customers
        self.amount = spenders.amount / unit
        self.counts = np.arange(1, int(spenders.orders.max()) + 1)
        self.count = spenders.orders - 1
        self.by_count = np.bincount(self.count, self.weight)
        log_amount = np.log(self.amount)
        self.constant = float(self.weight @ (np.log(spenders.orders) - log_amount))
        self.weighed_log = float((self.weight * spenders.orders) @ log_amount)

    def sloped(self, parameters: Floats) -> tuple[float, Floats]:
        """Return the likelihood's logarithm and its gradient."""
        value, gradient, _ = self.curved(parameters)
        return value, gradient

    def curved(self, parameters: Floats) -> tuple[float, Floats, Floats]:
        """Return the same and the matrix of second derivatives."""
        from scipy.special import digamma, gammaln, polygamma

        p, q, v = parameters
        counts, by_count = self.counts, self.by_count
        shapes = p * counts
        logs = np.bincount(self.count, self.weight * np.log(v + self.amount))
        share = self.weight / (v + self.amount)
        shares = np.bincount(self.count, share)
        squares = np.bincount(self.count, share / (v + self.amount))
        value = (
            by_count @ (gammaln(shapes + q) - gammaln(shapes) - gammaln(q))
            + q * np.log(v)
            + p * self.weighed_log
            + self.constant
            - (shapes + q) @ logs
        )
        gradient = np.array(
            [
                (by_count * counts) @ (digamma(shapes + q) - digamma(shapes))
                + self.weighed_log
                - counts @ logs,
                by_count @ (digamma(shapes + q) - digamma(q)) + np.log(v) - logs.sum(),
                q / v - (shapes + q) @ shares,
            ]
        )
        beyond = by_count * polygamma(1, shapes + q)
        pp = counts**2 @ (beyond - by_count * polygamma(1, shapes))
        pq, pv = counts @ beyond, -(counts @ shares)
        qq, qv = beyond.sum() - polygamma(1, q), 1 / v - shares.sum()
        vv = (shapes + q) @ squares - q / v**2
        return float(value), gradient, np.array([[pp, pq, pv], [pq, qq, qv], [pv, qv, vv]])


def mean_factor(parameters: Parameters, orders: Ints) -> Floats:
    """Return what the mean order of somebody is expected to be, per ``v`` + their amount (eq. 5).

    Nan where no mean exists, as the spread of means is too wide.

    Args:
        parameters: of the company.
        orders: whose amounts are known, 0 included, any shape.
    """
    p, q, _ = parameters
    beyond = q + p * orders - 1
    return np.where(beyond > 0, p / np.where(beyond > 0, beyond, 1), np.nan)


def quantile_factor(parameters: Parameters, orders: Ints, share: float) -> Floats:
    """Return the quantile of a customer's mean order, per ``v`` + their amount.

    The scale of theirs, given their orders, is a Gamma of shape ``p * orders + q`` and of rate
    ``v`` + their amount, and their mean is p divided by it.
    """
    from scipy.special import gammaincinv

    p, q, _ = parameters
    found: Floats = p / gammaincinv(p * orders + q, 1 - share)
    return found
