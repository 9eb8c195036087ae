"""The steps of a simulated web shop are counted as they were walked."""

import pytest

from benchmarks.journeys import causes, simulated
from sandbox.simulate.parameters import JOURNEY, Parameters

CUSTOMERS, SEED = 600, 5


def test_a_probability_outside_the_interval_is_a_miss():
    cell = simulated.Cell("visit", "left", 300, 1_000, 0.25, *simulated.wilson(300, 1_000))
    assert not cell.is_hit
    assert cell._replace(truth=0.3).is_hit
    assert "| visit | left | 1,000 | 0.3000 | 0.2724 to 0.3291 | 0.25 | no |" in simulated.report(
        [cell], "one"
    )


def test_few_exits_are_not_judged():
    cell = simulated.Cell("chat", "left", 1, 999, 0.25, 0, 1)
    assert simulated.judged([cell, cell._replace(exits=1_000)]) == [cell._replace(exits=1_000)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journeys") / "small"
    simulated.make(folder, customers=CUSTOMERS, seed=SEED, memory="1GB")
    return folder


@pytest.mark.slow
def test_journeys_that_are_cut_where_they_ended_step_as_the_matrix_says(small):
    found = causes.without(small, Parameters(customers=CUSTOMERS, seed=SEED), "1GB")
    large = simulated.judged(found["and with journeys that end where they ended"])
    steps = [chance for row in JOURNEY.values() for chance in row.values() if chance]
    assert len(large) == len(steps)
    for cell in large:
        error = (cell.truth * (1 - cell.truth) / cell.exits) ** 0.5
        assert abs(cell.count / cell.exits - cell.truth) < 4.5 * error, cell


@pytest.mark.slow
def test_a_silence_takes_some_tries_for_one(small):
    """What is merged is counted as going on, so drop-off is never more than it truly is."""
    left = {cell.origin: cell for cell in simulated.compare(small) if cell.target == "left"}
    for state in ("visit", "view"):
        assert 0.7 * left[state].truth < left[state].low < left[state].truth
