"""The steps of a simulated web shop are counted as they were walked."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.journeys import causes, defined, simulated
from benchmarks.journeys.__main__ import APART
from sandbox.simulate.parameters import DAY, END, JOURNEY, Parameters

COMPANY = Parameters(customers=600, seed=5)


def test_a_probability_outside_the_interval_is_a_miss():
    cell = simulated.Cell("visit", "left", 300, 1_000, 0.25, *simulated.wilson(300, 1_000))
    assert not cell.is_hit
    assert cell._replace(truth=0.3).is_hit
    assert "| visit | left | 1,000 | 0.3000 | 0.2724 to 0.3291 | 0.2500 | no |" in simulated.report(
        [cell], "one"
    )


def test_few_exits_are_not_judged():
    cell = simulated.Cell("chat", "left", 1, 999, 0.25, 0, 1)
    assert simulated.judged([cell, cell._replace(exits=1_000)]) == [cell._replace(exits=1_000)]


def steps(*done: tuple[int, float, str], timeout_days: float = 1) -> list[tuple[str, str]]:
    """Steps of what customers did: who, how many days before the end, what."""
    person = np.array([who for who, _, _ in done])
    ms = np.array([END - round(days * DAY) for _, days, _ in done])
    state = np.array([defined.STATES.index(what) for _, _, what in done])
    counts = defined.cut(person, ms, state, timeout_days=timeout_days)
    return [
        (defined.STATES[origin], defined.STATES[target])
        for origin, target in np.argwhere(counts.steps.sum(axis=0))
        for _ in range(counts.steps[:, origin, target].sum())
    ]


def test_a_journey_ends_with_an_order_or_a_longer_silence_and_with_nothing_else():
    assert steps((1, 9, "visit"), (1, 8, "view"), (1, 7, "ordered"), (1, 6.9, "chat")) == [
        ("start", "visit"),
        ("start", "chat"),
        ("visit", "view"),
        ("view", "ordered"),
        ("chat", "left"),
    ]
    assert steps((1, 9, "visit"), (1, 7.9, "view")).count(("visit", "left")) == 1


def test_what_others_do_in_between_is_theirs():
    assert steps((1, 9, "visit"), (2, 8.9, "ordered"), (1, 8.8, "view")) == [
        ("start", "visit"),
        ("visit", "view"),
        ("view", "left"),
    ]


def test_an_order_comes_after_what_was_done_at_its_moment():
    assert ("visit", "ordered") in steps((1, 9, "ordered"), (1, 9, "visit"))


def test_who_may_yet_go_on_has_left_nothing():
    assert steps((1, 0.9, "visit"), (2, 9, "visit")) == [
        ("start", "visit"),
        ("start", "visit"),
        ("visit", "left"),
    ]


def test_customers_who_are_each_alike_are_worth_as_many_steps_as_there_are_customers():
    alike = np.zeros((2_000, 6, 6), dtype=np.int64)
    alike[::2, 1, 2] = alike[1::2, 1, 5] = 9  # half of them go on nine times, half leave
    counts = defined.Counts(alike)
    assert counts.probability(("visit", "view")) == 0.5
    assert counts.design_effect(("visit", "view")) == pytest.approx(9)
    # companies of ten: a binomial interval of 90 steps holds the truth far too seldom
    assert defined.coverage(counts, 10)["visit", "view"] == 1  # five and five in each, in order
    shuffled = defined.Counts(np.random.default_rng(1).permutation(alike))
    assert defined.coverage(shuffled, 10)["visit", "view"] < 0.7


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journeys") / "small"
    simulated.make(folder, COMPANY, "1GB")
    return folder


@pytest.mark.slow
def test_journeys_that_are_cut_where_they_ended_step_as_the_matrix_says(small):
    found = causes.without(small, COMPANY, "1GB")
    large = simulated.judged(found["and with journeys that end where they ended"])
    steps = [chance for row in JOURNEY.values() for chance in row.values() if chance]
    assert len(large) == len(steps)
    for cell in large:
        error = (cell.truth * (1 - cell.truth) / cell.exits) ** 0.5
        assert abs(cell.count / cell.exits - cell.truth) < 4.5 * error, cell


@pytest.mark.slow
def test_a_silence_takes_some_tries_for_one(small):
    """What is merged is counted as going on, so drop-off is never more than it truly is."""
    law = simulated.chain(small)
    left = {cell.origin: cell for cell in simulated.compare(small, law) if cell.target == "left"}
    for state in ("visit", "view"):
        assert 0.7 * left[state].truth < left[state].low < left[state].truth


@pytest.fixture(scope="module")
def many():
    return defined.others(COMPANY, 29_400)


@pytest.mark.slow
def test_the_models_count_what_the_definition_says(small):
    """Cut by the models out of the landing, and by a few lines out of what was simulated."""
    own = defined.own(COMPANY)
    for cell in simulated.compare(small, own.probabilities()):
        assert cell.exits == pytest.approx(own.exits(cell.origin).sum(), rel=0.01)
        assert cell.count / cell.exits == pytest.approx(cell.truth, abs=0.002), cell


@pytest.mark.slow
def test_nine_in_ten_intervals_hold_what_the_definition_makes_of_more_customers(small, many):
    large = simulated.judged(simulated.compare(small, many.probabilities()))
    assert len(large) >= 17
    assert sum(cell.is_hit for cell in large) >= 0.9 * len(large)
    held = defined.coverage(many, COMPANY.customers)
    assert sum(held.values()) / len(held) >= 0.9


@pytest.mark.slow
def test_steps_of_one_customer_are_little_more_alike_than_those_of_two(many):
    """Why the marts take each step for one of its own: their intervals are about right."""
    effects = [many.design_effect(pair) for pair in many.probabilities()]
    assert max(effects) < 1.5


@pytest.mark.slow
def test_where_nobody_tries_again_before_they_are_silent_the_definition_finds_the_chain():
    counts = defined.others(replace(COMPANY, **APART), 29_400)
    law = {(a, b): chance for a, row in JOURNEY.items() for b, chance in row.items() if chance}
    assert counts.probabilities().keys() == law.keys()
    for pair, chance in law.items():
        exits = counts.exits(pair[0]).sum()
        error = (chance * (1 - chance) / exits) ** 0.5
        # a few walks touch an order of another day or are cut off where they became known
        assert abs(counts.probability(pair) - chance) < 4 * error + 0.001, pair
