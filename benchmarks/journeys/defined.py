"""What the definition of a journey makes of everybody who could have been a customer.

The simulator's chain is not the law of journeys that orders and silence cut (`fct_journeys`). What
these step like is known all the same: of many more customers of the same company, from what the
simulator itself says that they did, before there is any landing or warehouse. Here that is cut in
a few lines that have nothing of the models, and counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.journeys.simulated import TIMEOUT_DAYS, Pair, wilson
from sandbox.metrics import metric_id
from sandbox.simulate import events
from sandbox.simulate.company import chunks, company
from sandbox.simulate.parameters import DAY, END, Parameters

Ints = NDArray[np.int64]

STATES = ("start", "visit", "view", "chat", "ordered", "left")
_START, _VISIT, _VIEW, _CHAT, _ORDERED, _LEFT = range(len(STATES))
_FAMILY = 60  # families and firms end at a multiple of it

# All that a look at the web shop alone takes for a step: also looks after a campaign that confused,
# chats about anything, and orders that no look came before.
_DONE = f"""
    select person, ms, if(metric_id = '{metric_id("Active on Site")}', {_VISIT}, {_VIEW}) as state
    from ({events.query(frozenset({"Active on Site", "Viewed Product"}))})
    inner join people using (profile_id)
    where metric_id in ('{metric_id("Active on Site")}', '{metric_id("Viewed Product")}')
    union all
    select person, ms, {_CHAT} from engagements
    where type = 'communications' and direction = 'INBOUND'
    union all
    select person, ms, {_ORDERED} from orders where is_web
"""


@dataclass(frozen=True)
class Counts:
    """How often customers stepped from state to state.

    Attributes:
        steps: shape ``(customers, states, states)``, of ``STATES``.
    """

    steps: Ints

    def of(self, pair: Pair) -> Ints:
        """Steps of a kind by customer, shape ``(customers,)``."""
        return self.steps[:, STATES.index(pair[0]), STATES.index(pair[1])]

    def exits(self, origin: str) -> Ints:
        """All steps from a state by customer, shape ``(customers,)``."""
        return self.steps[:, STATES.index(origin)].sum(axis=1)

    def probability(self, pair: Pair) -> float:
        """Share of the exits of a state that lead to another; 0 of none."""
        return float(self.of(pair).sum() / max(self.exits(pair[0]).sum(), 1))

    def probabilities(self) -> dict[Pair, float]:
        """Return the share of every step that anybody took."""
        taken = np.argwhere(self.steps.sum(axis=0))
        pairs = sorted((STATES[origin], STATES[target]) for origin, target in taken)
        return {pair: self.probability(pair) for pair in pairs}

    def design_effect(self, pair: Pair) -> float:
        """By what factor the variance is larger than if every step were somebody else's.

        The variance of a ratio between sums over customers (Kish and Frankel, "Inference from
        complex samples", 1974) to that of as many independent steps.
        """
        share, exits = self.probability(pair), self.exits(pair[0])
        spread = float(((self.of(pair) - share * exits) ** 2).sum())
        alone = share * (1 - share) * float(exits.sum())
        return spread / alone if alone else 1.0


def cut(person: Ints, ms: Ints, state: Ints, *, timeout_days: float) -> Counts:
    """Cut what customers did into journeys by orders and silence, and count the steps.

    Args:
        person: who, in any order.
        ms: when, in epoch milliseconds.
        state: what, as a place in ``STATES``.
        timeout_days: longer silence ends a journey.

    Returns:
        What is counted; an order that begins a journey is no way through the shop and left out.

    Example:
        >>> done = np.array([STATES.index(state) for state in ("visit", "ordered", "visit")])
        >>> found = cut(np.zeros(3, int), np.array([0, 1, 2]), done, timeout_days=1)
        >>> list(found.probabilities())
        [('start', 'visit'), ('visit', 'left'), ('visit', 'ordered')]
    """
    in_time = np.lexsort((state == _ORDERED, ms, person))
    person, ms, state = person[in_time], ms[in_time], state[in_time]
    is_order = state == _ORDERED
    silence = timeout_days * DAY
    of_another = np.append(True, person[1:] != person[:-1])
    begins = of_another.copy()
    begins[1:] |= is_order[:-1] | (np.diff(ms) > silence)
    ends = np.append(begins[1:], True)
    is_open = np.append(of_another[1:], True) & (END - ms <= silence)  # they may yet go on
    goes_on, is_first, is_left = ~begins, begins & ~is_order, ends & ~is_order & ~is_open
    before = np.roll(state, 1)
    people, whose = np.unique(person, return_inverse=True)
    row = np.concatenate([whose[goes_on], whose[is_first], whose[is_left]])
    origin = np.concatenate([before[goes_on], np.full(is_first.sum(), _START), state[is_left]])
    target = np.concatenate([state[goes_on], state[is_first], np.full(is_left.sum(), _LEFT)])
    size = len(STATES)
    kind = (row * size + origin) * size + target
    return Counts(np.bincount(kind, minlength=len(people) * size**2).reshape(-1, size, size))


def own(parameters: Parameters) -> Counts:
    """Return what a company's own customers did."""
    return _joined(_counted(parameters, 1))


def others(parameters: Parameters, customers: int) -> Counts:
    """Return what so many other customers did, to whom the same company sent the same campaigns.

    They are what it would have had next: everything that the company does is as it was, and
    everything that is theirs is drawn anew.
    """
    first = -(-parameters.customers // _FAMILY) * _FAMILY + 1
    return _joined(_counted(replace(parameters, customers=first - 1 + customers), first))


def elsewhere(parameters: Parameters, seeds: range) -> Counts:
    """Return what the customers of other companies did: other people and other campaigns."""
    return _joined(part for seed in seeds for part in _counted(replace(parameters, seed=seed), 1))


def _counted(parameters: Parameters, first: int) -> Iterator[Counts]:
    with company(parameters, memory="3GB") as db:
        for _ in chunks(db, parameters):
            found = db.execute(f"from ({_DONE}) where person >= {first}").fetchnumpy()
            person, ms, state = (
                np.asarray(found[name]).astype(np.int64) for name in ("person", "ms", "state")
            )
            yield cut(person, ms, state, timeout_days=TIMEOUT_DAYS)


def _joined(parts: Iterator[Counts]) -> Counts:
    return Counts(np.concatenate([part.steps for part in parts]))


def coverage(counts: Counts, customers: int) -> dict[Pair, float]:
    """Return how many companies of so many customers have an interval with the truth in it.

    By transition: the share, 0 to 1, of the companies that customers make up, in their order.
    """
    companies = len(counts.steps) // customers
    shape = (companies, customers, len(STATES), len(STATES))
    sums = counts.steps[: companies * customers].reshape(shape).sum(axis=1)
    held = {}
    for pair, truth in counts.probabilities().items():
        origin, target = map(STATES.index, pair)
        limits = [wilson(int(of[origin, target]), int(of[origin].sum())) for of in sums]
        held[pair] = sum(low <= truth <= high for low, high in limits) / max(companies, 1)
    return held


def report(counts: Counts, customers: int, name: str) -> str:
    """Return as Markdown what many customers did, and what intervals of few are worth.

    Args:
        counts: the many.
        customers: the few.
        name: of the company.
    """
    held = coverage(counts, customers)
    lines = [
        f"### {name}: {sum(held.values()) / len(held):.3f} of the intervals of "
        f"{len(counts.steps) // customers} companies of {customers:,} hold the truth",
        "",
        "| from | to | exits | truth | design effect | intervals too narrow by | hold |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for pair, truth in counts.probabilities().items():
        effect = counts.design_effect(pair)
        lines.append(
            f"| {pair[0]} | {pair[1]} | {counts.exits(pair[0]).sum():,} | {truth:.4f} "
            f"| {effect:.2f} | {effect**0.5:.2f} | {held[pair]:.2f} |"
        )
    return "\n".join(lines) + "\n"
