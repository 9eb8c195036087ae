"""Friction on an absorbing chain: known answers, and chains that lead nowhere."""

import duckdb
import numpy as np
import pytest

from rapport.journey.friction import friction, intervals, measure

WEB = ("awareness", "web")
LOOK = ("consideration", "web")
CALL = ("service", "phone")
ORDER = ("converted", "web")
GONE = ("abandoned", None)
START = ("start", None)


@pytest.fixture
def states():
    """Return a function from steps (from, to, count, hours) to the measures of each state."""

    def measured(*steps: tuple, breakdown: str = "all", least_exits: int = 1) -> dict:
        with duckdb.connect() as connection:
            connection.execute(
                "create table transitions (breakdown varchar, breakdown_value varchar, "
                "from_stage varchar, from_channel varchar, to_stage varchar, to_channel varchar, "
                "transition_count bigint, mean_hours double)"
            )
            for origin, target, count, hours in steps:
                connection.execute(
                    "insert into transitions values (?, 'x', ?, ?, ?, ?, ?, ?)",
                    [breakdown, *origin, *target, count, hours],
                )
            table = friction(connection.table("transitions"), least_exits=least_exits, z=1.96)
        return {(row["stage"], row["channel"]): row for row in table.to_pylist()}

    return measured


FUNNEL = (
    (START, WEB, 100, None),
    (WEB, LOOK, 50, 2.0),
    (WEB, GONE, 50, None),
    (LOOK, LOOK, 50, 1.0),
    (LOOK, ORDER, 40, 3.0),
    (LOOK, GONE, 10, None),
)


def test_a_funnel_is_measured_as_by_hand(states):
    """Of 100 looks 50 look again: N is 2, and 0.4 * 2 = 0.8 convert; of visits half of that."""
    found = states(*FUNNEL)
    look, visit = found[LOOK], found[WEB]
    assert (look["extra_visits"], visit["extra_visits"]) == (1, 0)
    assert (look["conversion_probability"], visit["conversion_probability"]) == (0.8, 0.4)
    # a look leads to the order after two looks in the mean, a visit is one step before
    assert (look["expected_steps"], visit["expected_steps"]) == (2, 3)
    # one look in two is followed by another after an hour, the last by the order after three
    assert (look["expected_hours"], visit["expected_hours"]) == (4, 6)


def test_conversions_recovered_are_those_of_the_mended_chain(states):
    """Drop-offs are 0.5 and 0.1, usual is 0.3. Of 100 visits 70 would go on; 0.8 of them order."""
    found = states(*FUNNEL)
    assert found[WEB]["usual_drop_off_probability"] == pytest.approx(0.3)
    assert found[WEB]["recovered_conversions"] == pytest.approx(70 * 0.8 - 50 * 0.8)
    assert found[LOOK]["recovered_conversions"] == 0


def test_those_who_come_back_are_kept_more_than_once(states):
    """Of 100 exits of a service call 40 are lost; mended to 0.2, the rest grow by 4 / 3.

    Then of ten who come first, 4 / 15 order and 8 / 15 come back, so 4 / 7 order in place of 1 / 3.
    60 come for the first time.
    """
    found = states(
        (CALL, CALL, 40, 1.0),
        (CALL, ORDER, 20, 1.0),
        (CALL, GONE, 40, None),
        (LOOK, ORDER, 100, 1.0),
        (WEB, ORDER, 80, 1.0),
        (WEB, GONE, 20, None),
    )
    assert found[CALL]["recovered_conversions"] == pytest.approx(60 * (4 / 7 - 1 / 3), abs=1e-6)


def test_closed_form_is_the_chain_solved_again():
    """Twelve random chains; the mended row is put in, and everybody is sent through it again."""
    generator = np.random.default_rng(7)
    for _ in range(12):
        counts = generator.integers(1, 60, (6, 8)).astype(float)
        exits = counts.sum(axis=1)
        found = measure(counts, np.zeros_like(counts), exits, 1)
        shares = counts / exits[:, None]
        usual = np.median(shares[:, 7])
        for state in np.flatnonzero(shares[:, 7] > usual):
            mended = shares.copy()
            mended[state, :7] *= (1 - usual) / (1 - shares[state, 7])
            after = np.linalg.solve(np.eye(6) - mended[:, :6], mended[:, 6])[state]
            firsts = exits[state] / np.linalg.inv(np.eye(6) - shares[:, :6])[state, state]
            more = firsts * (after - found.conversion[state])
            assert found.recovered[state] == pytest.approx(more)


def test_steps_to_a_conversion_are_those_of_simulated_journeys_that_convert():
    shares = np.array([[0.1, 0.5, 0.1, 0.3], [0.2, 0.3, 0.3, 0.2]])
    found = measure(shares, np.ones_like(shares), np.ones(2), 1)
    generator = np.random.default_rng(3)
    place, taken = np.zeros(200_000, dtype=int), np.zeros(200_000)
    cumulated = shares.cumsum(axis=1)
    while (walking := place < 2).any():
        drawn = generator.random(walking.sum())[:, None]
        place[walking] = (drawn > cumulated[place[walking]]).sum(axis=1)
        taken[walking] += 1
    assert found.steps[0] == pytest.approx(taken[place == 2].mean(), abs=0.03)
    assert found.hours[0] == pytest.approx(found.steps[0])
    assert found.conversion[0] == pytest.approx((place == 2).mean(), abs=0.005)


def test_without_any_conversion_nothing_is_expected_and_nothing_recovered(states):
    found = states((WEB, LOOK, 60, 1.0), (WEB, GONE, 40, None), (LOOK, GONE, 60, None))
    assert found[WEB]["conversion_probability"] == 0
    assert (found[WEB]["expected_steps"], found[WEB]["expected_hours"]) == (None, None)
    assert found[WEB]["extra_visits"] == 0
    assert found[LOOK]["recovered_conversions"] is None  # nobody ever went on


def test_without_anybody_abandoned_nothing_is_recovered(states):
    found = states((WEB, LOOK, 50, 1.0), (WEB, ORDER, 50, 1.0), (LOOK, ORDER, 50, 1.0))
    assert {row["recovered_conversions"] for row in found.values()} == {0}
    assert {row["recovered_conversions_high"] for row in found.values()} == {0}
    assert {row["conversion_probability"] for row in found.values()} == {1}


def test_states_that_never_reach_an_end_spoil_no_other(states):
    """A visit leads to an order or to calls that call for calls, all of them still open."""
    found = states(
        (WEB, ORDER, 50, 1.0),
        (WEB, CALL, 50, 1.0),
        (CALL, ("service", "chat"), 60, 1.0),
        (("service", "chat"), CALL, 10, 1.0),
    )
    assert (found[WEB]["conversion_probability"], found[WEB]["expected_steps"]) == (0.5, 1)
    assert (found[CALL]["conversion_probability"], found[CALL]["extra_visits"]) == (0, None)


def test_a_state_that_nobody_has_left_yet_is_there(states):
    found = states((START, CALL, 5, None), (WEB, CALL, 10, 1.0), (WEB, ORDER, 10, 1.0))
    assert found[CALL]["exit_count"] == 0
    assert found[CALL]["conversion_probability"] is None
    assert found[CALL]["recovered_conversions"] is None


def test_one_state_is_enough(states):
    found = states((WEB, ORDER, 3, 2.0), (WEB, GONE, 1, None))
    assert found[WEB]["conversion_probability"] == 0.75
    assert (found[WEB]["expected_steps"], found[WEB]["expected_hours"]) == (1, 2)


def test_who_converts_at_once_comes_by_no_state(states):
    assert states((START, ORDER, 100, None)) == {}


def test_nothing_is_nothing(states):
    assert states() == {}


def test_months_are_left_out(states):
    assert states(*FUNNEL, breakdown="month") == {}
    assert len(states(*FUNNEL, breakdown="relationship_type")) == 2


def test_few_exits_have_no_say_in_what_is_usual(states):
    found = states(*FUNNEL, (CALL, GONE, 9, None), (CALL, ORDER, 1, 1.0), least_exits=100)
    assert found[CALL]["usual_drop_off_probability"] == pytest.approx(0.3)
    assert found[CALL]["recovered_conversions"] > 0
    none = states(*FUNNEL, least_exits=101)
    assert none[WEB]["usual_drop_off_probability"] is None
    assert none[WEB]["recovered_conversions"] is None


def test_intervals_hold_the_truth_as_often_as_they_say():
    """300 samples of a known chain; of 95 in 100, 91 to 98 are within three standard errors."""
    shares = np.array(
        [[0.2, 0.3, 0.0, 0.1, 0.4], [0.1, 0.2, 0.2, 0.3, 0.2], [0.1, 0.1, 0.1, 0.6, 0.1]]
    )
    exits = np.array([900, 700, 500])
    truth = measure(shares * exits[:, None], np.zeros_like(shares), exits * 1.0, 1).recovered
    generator = np.random.default_rng(11)
    hits = 0
    for _ in range(300):
        counts = generator.multinomial(exits, shares).astype(float)
        low, high = intervals(counts, np.zeros_like(counts), exits * 1.0, 1, 1.96)
        hits += low[0] <= truth[0] <= high[0]
    assert 273 <= hits <= 296


def test_intervals_are_the_same_every_night(states):
    assert states(*FUNNEL) == states(*FUNNEL)
