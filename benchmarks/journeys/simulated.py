"""The transitions of a simulated web shop, built as a night builds them, and their truth."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import duckdb

from benchmarks import companies
from rapport.settings import WAREHOUSE_FILE
from sandbox.simulate.parameters import Parameters

LAST_NIGHT = "2018-01-02"
TIMEOUT_DAYS = 0.25  # the simulator's pauses are an hour and a half at most
STAGES = Path(__file__).with_name("web_shop_stages.csv")
LEAST_EXITS = 1_000

_STATES = {
    ("start", None): "start",
    ("awareness", "web"): "visit",
    ("consideration", "web"): "view",
    ("consideration", "chat"): "chat",
    ("converted", "web"): "ordered",
    ("abandoned", None): "left",
}


Pair = tuple[str, str]


class Cell(NamedTuple):
    """One transition as counted and as it truly is.

    Attributes:
        origin: state that is left, as the simulator calls it.
        target: state that is come to.
        count: how often that was counted.
        exits: how often the state was left.
        truth: the true probability.
        low: what the probability may be at the least, as it is counted (Wilson, 95 %).
        high: what it may be at the most.
    """

    origin: str
    target: str
    count: int
    exits: int
    truth: float
    low: float
    high: float

    @property
    def is_hit(self) -> bool:
        """Whether the truth is within the interval."""
        return self.low <= self.truth <= self.high


def make(folder: Path, parameters: Parameters, memory: str = "2GB") -> None:
    """Simulate a company into a folder and build the transitions of its web shop there."""
    companies.land(folder, parameters, memory)
    build(folder, memory, "+rpt_journey_transitions")
    # a firm that looks at its web shop alone: its own rows of the seed
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        connection.execute("delete from staging.journey_stages")
        connection.execute(f"insert into staging.journey_stages from read_csv('{STAGES}')")
    build(folder, memory, *JOURNEYS)


JOURNEYS = ("int_journey__kinds", "fct_journey_steps", "fct_journeys", "rpt_journey_transitions")


def build(folder: Path, memory: str, *selected: str) -> None:
    """Build the models of a folder that are selected."""
    policies = f"as_of_date: {LAST_NIGHT}, journey_timeout_days: {TIMEOUT_DAYS}"
    companies.build(folder, *selected, policies=policies, memory=memory)


def chain(folder: Path) -> dict[Pair, float]:
    """Return the law that the simulator draws steps from, as the truth in a folder tells it."""
    with duckdb.connect(str(folder / "sandbox" / "truth.duckdb"), read_only=True) as connection:
        return {
            (origin, target): chance
            for origin, target, chance in connection.sql(
                "from truth_journey_transitions where from_stage not like 'deal:%'"
            ).fetchall()
        }


def compare(folder: Path, known: Mapping[Pair, float]) -> list[Cell]:
    """Return every transition that was counted in a folder or could have been.

    An order that nothing on the web came before (a campaign's, mostly) is no way through the shop,
    so `start` leads to what else a journey begins with.

    Args:
        folder: with a warehouse.
        known: the true probabilities.
    """
    warehouse = folder / WAREHOUSE_FILE
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.sql(
            "select from_stage, from_channel, to_stage, to_channel, transition_count "
            "from marts.rpt_journey_transitions where breakdown = 'all'"
        ).fetchall()
    counts = {(_STATES[a, b], _STATES[c, d]): count for a, b, c, d, count in rows}
    counts.pop(("start", "ordered"), None)
    exits: dict[str, int] = {}
    for (origin, _), count in counts.items():
        exits[origin] = exits.get(origin, 0) + count
    return [
        Cell(
            *pair,
            counts.get(pair, 0),
            exits.get(pair[0], 0),
            known.get(pair, 0.0),
            *wilson(counts.get(pair, 0), exits.get(pair[0], 0)),
        )
        for pair in sorted(known.keys() | counts.keys())
    ]


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Return Wilson's interval of 95 % for a share; from 0 to 1 of nobody.

    Example:
        >>> [round(limit, 4) for limit in wilson(90, 100)]
        [0.8256, 0.9448]
    """
    if not total:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.975)
    middle = hits + z * z / 2
    half = z * (hits * (1 - hits / total) + z * z / 4) ** 0.5
    return max(0.0, (middle - half) / (total + z * z)), min(1.0, (middle + half) / (total + z * z))


def judged(found: Sequence[Cell]) -> list[Cell]:
    """Return the transitions from states that enough have left."""
    return [cell for cell in found if cell.exits >= LEAST_EXITS]


def report(found: Sequence[Cell], name: str) -> str:
    """Return everything as Markdown."""
    large = judged(found)
    lines = [
        f"### {name}: {sum(cell.is_hit for cell in large)} of {len(large)} true probabilities "
        "within the interval",
        "",
        "| from | to | exits | counted | 95 % | truth | within |",
        "|---|---|--:|--:|--:|--:|---|",
    ]
    lines += [
        f"| {cell.origin} | {cell.target} | {cell.exits:,} | {cell.count / max(cell.exits, 1):.4f} "
        f"| {cell.low:.4f} to {cell.high:.4f} | {cell.truth:.4f} "
        f"| {'yes' if cell.is_hit else 'no'} |"
        for cell in found
    ]
    return "\n".join(lines) + "\n"
