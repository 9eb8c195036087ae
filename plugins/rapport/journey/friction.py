"""Where journeys get stuck: an absorbing Markov chain of stages on channels.

From the counts of steps between states, ``P[i, j]`` is the share of those who leave ``i`` that go
to ``j``; ``Q`` is what of it stays in the journey, ``r`` what converts, ``d`` what is abandoned::

    N = (I - Q)^-1           N[i, j]: visits of j by who is in i
    h = N r                  chance to convert
    N[i, i] - 1              extra visits: how often one comes back

Steps and hours to a conversion are those of the journeys that do convert. Up to any end they would
be few where most give up at once, and a bad place would look like a quick one. Given that they
convert, journeys are a chain again (Doob's h-transform), ``P[i, j] h[j] / h[i]``, with visits
``N[i, j] h[j] / h[i]``; so with ``m[i, j]`` the mean hours of a step::

    steps[i] = sum_j N[i, j] h[j] / h[i]
    hours[i] = sum_j N[i, j] (sum_k P[j, k] h[k] m[j, k]) / h[i]        h = 1 for a conversion

If of those who leave a state no more dropped off than in the usual (median) state, ``u`` in place
of ``d``, all its other exits would grow by ``s = (1 - u) / (1 - d)``. Who comes to it converts
without coming back with ``a = h / N[i, i]`` and comes back with ``b = 1 - 1 / N[i, i]``, and both
grow by ``s``. ``exits / N[i, i]`` come to it for the first time, so that many more convert::

    exits / N[i, i] * (s a / (1 - s b) - h)
"""

from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

Floats = NDArray[np.float64]

START, CONVERTED, ABANDONED = "start", "converted", "abandoned"

_DRAWS = 500  # the ends of an interval of 95 % rest on a dozen each
_DIGITS = 6


class Friction(NamedTuple):
    """Measures of each state, shape ``(..., states)``; NaN where there is none.

    Attributes:
        usual_drop_off: median drop-off of the states with exits enough, shape ``(...)``.
        conversion: chance to convert.
        extra_visits: visits after the first; none where no end was ever reached from.
        steps: steps to the conversion, itself counted, of those who convert.
        hours: the same in hours.
        recovered: conversions more if drop-off fell to the usual; none where nobody ever went on.
    """

    usual_drop_off: Floats
    conversion: Floats
    extra_visits: Floats
    steps: Floats
    hours: Floats
    recovered: Floats


def measure(counts: Floats, hours: Floats, exits: Floats, least_exits: float) -> Friction:
    """Measure the states of one chain, or of many with the same exits that occur.

    Args:
        counts: steps from each state (rows) to each state, to a conversion and to being abandoned,
            shape ``(..., states, states + 2)``, or in proportion to them.
        hours: mean hours of these steps, shape ``(states, states + 2)``; none if abandoned.
        exits: how many left each state, shape ``(states,)``.
        least_exits: exits below which a state says nothing of what is usual.

    Returns:
        The measures.

    Example:
        Of four at A one converts, two come back to A and one is lost: N is 2, half convert.

        >>> found = measure(np.array([[2.0, 1, 1]]), np.zeros((1, 3)), np.array([4.0]), 1)
        >>> float(found.extra_visits[0]), float(found.conversion[0]), float(found.steps[0])
        (1.0, 0.5, 2.0)
    """
    size = counts.shape[-2]
    total = counts.sum(axis=-1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    drop_off = shares[..., size + 1]
    ends = _reach_an_end(counts.reshape(-1, size, size + 2)[0])

    # Who cannot reach an end is stuck for as long as was seen: their visits have no mean, and
    # nobody else's hang on them.
    stays = shares[..., :size] * ends[:, None] * ends
    visits = np.linalg.inv(np.eye(size) - stays)
    returns = np.diagonal(visits, axis1=-2, axis2=-1)
    conversion = np.where(ends, _product(visits, shares[..., size]), 0.0)

    known = np.where(conversion > 0, conversion, np.nan)
    chance = np.concatenate(
        [conversion, np.ones_like(conversion[..., :1]), np.zeros_like(conversion[..., :1])], axis=-1
    )
    spent = (shares * chance[..., None, :] * hours).sum(axis=-1)

    is_usual = exits >= least_exits
    usual = (
        np.median(drop_off[..., is_usual], axis=-1)
        if is_usual.any()
        else np.full(counts.shape[:-2], np.nan)
    )
    return Friction(
        usual_drop_off=usual,
        conversion=np.where(exits > 0, conversion, np.nan),
        extra_visits=np.where(ends, returns - 1, np.nan),
        steps=_product(visits, conversion) / known,
        hours=_product(visits, spent) / known,
        recovered=_recovered(conversion, returns, drop_off, usual[..., None], exits),
    )


def _reach_an_end(counts: Floats) -> NDArray[np.bool_]:
    """Whether from a state an end can be reached, of steps that occur; shape ``(states,)``."""
    size = len(counts)
    leads = counts[:, :size] > 0
    found = np.asarray((counts[:, size:] > 0).any(axis=1))
    for _ in range(size):
        found = found | np.asarray((leads & found).any(axis=1))
    return found


def _product(matrix: Floats, vector: Floats) -> Floats:
    return (matrix @ vector[..., None])[..., 0]


def _recovered(
    conversion: Floats, returns: Floats, drop_off: Floats, usual: Floats, exits: Floats
) -> Floats:
    goes_on = 1 - drop_off
    grows = np.divide(1 - usual, goes_on, out=np.full_like(goes_on, np.nan), where=goes_on > 0)
    remains = 1 - grows * (1 - 1 / returns)
    after = np.divide(
        grows * conversion / returns, remains, out=np.zeros_like(remains), where=conversion > 0
    )
    more = exits / returns * (after - conversion)
    more = np.where(drop_off <= usual, 0.0, np.where(goes_on > 0, more, np.nan))
    return np.where((exits > 0) & ~np.isnan(usual), more, np.nan)


def intervals(
    counts: Floats, hours: Floats, exits: Floats, least_exits: float, z: float
) -> tuple[Floats, Floats]:
    """Return between what the recovered conversions lie, two arrays of shape ``(states,)``.

    Where people go is drawn again for each state, with the shares that are as likely as those seen
    (Dirichlet of the counts: the Bayesian bootstrap, Rubin 1981), and everything is measured again,
    what is usual too. No exit that occurs is ever lost in a draw, so the chain stays whole. Steps
    count as independent given their state, as in all of this chain.

    Args:
        counts: as in `measure`.
        hours: as in `measure`.
        exits: as in `measure`.
        least_exits: as in `measure`.
        z: standard errors on either side that the interval would have if it were a normal one.
    """
    generator = np.random.default_rng(0)  # the same every night
    drawn = generator.standard_gamma(counts, size=(_DRAWS, *counts.shape))
    recovered = measure(drawn, hours, exits, least_exits).recovered
    tail = NormalDist().cdf(-z)
    low, high = np.quantile(recovered, [tail, 1 - tail], axis=0)
    return low, high


def friction(transitions: Any, *, least_exits: int, z: float) -> "pyarrow.Table":
    """Return the measures of each state, for all and by type of relationship.

    Args:
        transitions: DuckDB relation of ``rpt_journey_transitions``.
        least_exits: the policy ``journey_least_exits``.
        z: the policy ``confidence_z``.

    Returns:
        One row per breakdown, its value, stage and channel; a state that nobody has left yet is
        there with 0 exits.
    """
    import pyarrow as pa

    key = "breakdown, breakdown_value, from_stage, from_channel, to_stage, to_channel"
    rows = (
        transitions.filter("breakdown <> 'month'")
        .order(key)
        .select(f"{key}, transition_count, coalesce(mean_hours, 0)")
    )
    chains: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
    for breakdown, value, *step in rows.fetchall():
        chains.setdefault((breakdown, value), []).append(tuple(step))

    found: list[dict[str, Any]] = []
    for (breakdown, value), steps in sorted(chains.items()):
        found += [
            {"breakdown": breakdown, "breakdown_value": value} | state
            for state in _states(steps, least_exits, z)
        ]
    text, count, number = pa.string(), pa.int64(), pa.float64()
    return pa.Table.from_pylist(
        found,
        schema=pa.schema(
            [
                *((name, text) for name in ("breakdown", "breakdown_value", "stage", "channel")),
                *((name, count) for name in ("exit_count", "drop_off_count")),
                *(
                    (name, number)
                    for name in (
                        "usual_drop_off_probability",
                        "conversion_probability",
                        "extra_visits",
                        "expected_steps",
                        "expected_hours",
                        "recovered_conversions",
                        "recovered_conversions_low",
                        "recovered_conversions_high",
                    )
                ),
            ]
        ),
    )


def _states(steps: list[tuple[Any, ...]], least_exits: int, z: float) -> list[dict[str, Any]]:
    left = {step[:2] for step in steps if step[0] != START}
    met = {step[2:4] for step in steps if step[2] not in (CONVERTED, ABANDONED)}
    states = sorted(left | met)
    if not states:  # everybody converted at their first step
        return []
    place = {state: number for number, state in enumerate(states)}
    size = len(states)
    counts = np.zeros((size, size + 2))
    hours = np.zeros((size, size + 2))  # of all steps, then of one
    for from_stage, from_channel, to_stage, to_channel, count, mean_hours in steps:
        if from_stage == START:
            continue
        ends = {CONVERTED: size, ABANDONED: size + 1}
        target = ends[to_stage] if to_stage in ends else place[to_stage, to_channel]
        cell = place[from_stage, from_channel], target
        counts[cell] += count
        hours[cell] += count * mean_hours
    hours = np.divide(hours, counts, out=np.zeros_like(hours), where=counts > 0)
    exits = counts.sum(axis=1)
    measured = measure(counts, hours, exits, least_exits)
    low, high = intervals(counts, hours, exits, least_exits, z)
    columns = {
        "usual_drop_off_probability": np.broadcast_to(measured.usual_drop_off, size),
        "conversion_probability": measured.conversion,
        "extra_visits": measured.extra_visits,
        "expected_steps": measured.steps,
        "expected_hours": measured.hours,
        "recovered_conversions": measured.recovered,
        "recovered_conversions_low": low,
        "recovered_conversions_high": high,
    }
    return [
        {
            "stage": stage,
            "channel": channel,
            "exit_count": int(exits[i]),
            "drop_off_count": int(counts[i, size + 1]),
        }
        | {name: _stored(values[i]) for name, values in columns.items()}
        for i, (stage, channel) in enumerate(states)
    ]


def _stored(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), _DIGITS) + 0.0
