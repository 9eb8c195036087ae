"""What channels are owed: known answers, what is conserved, and what happens at the edges."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rapport.journey import bootstrap, markov, rules, shapley
from rapport.journey import paths as paths_module
from rapport.journey.attribution import MODELS, RULES, Credits, Policy, attribute
from rapport.journey.paths import Journeys, Paths, distinct, from_lists

A, B, C = 0, 1, 2
TOY = [[A, B, A, B, B, A], [A, B, B, A, A], [A, A]]
QUIET = Policy(draws=0)


def credit(touches, channels=3, models=MODELS, policy=QUIET, **more) -> dict[str, list[float]]:
    """Conversions by model and channel, the last one being none, with six decimals."""
    credits = attribute(*from_lists(touches, **more), channels, policy, models)
    return {
        model: row.round(6).tolist()
        for model, row in zip(credits.models, credits.count, strict=True)
    }


def money(touches, channels=3, models=MODELS, policy=QUIET, **more) -> dict[str, list[float]]:
    credits = attribute(*from_lists(touches, **more), channels, policy, models)
    return {
        model: row.round(6).tolist()
        for model, row in zip(credits.models, credits.amount, strict=True)
    }


# Known answers


def test_the_removal_effect_on_the_three_paths_of_the_literature():
    # A is in every path. B: half of the walks come to it (3 steps A>B against 3 to the conversion,
    # steps A>A apart), and all convert. 1 and 0.5, of three conversions.
    assert credit(TOY, 2, ["markov_1"]) == {"markov_1": [2.0, 1.0, 0.0]}


def test_rules_on_the_three_paths():
    assert credit(TOY, 2, ["first", "last", "linear", "position"]) == {
        "first": [3.0, 0.0, 0.0],
        "last": [3.0, 0.0, 0.0],
        "linear": [round(3 / 6 + 3 / 5 + 1, 6), round(3 / 6 + 2 / 5, 6), 0.0],
        # A is first and last: 0.8, and of the fifth that is left its share between them
        "position": [round(0.8 + 0.05 + 0.8 + 0.2 / 3 + 1, 6), round(0.15 + 0.4 / 3, 6), 0.0],
    }


def test_a_chain_of_the_first_order_walks_detours_that_nobody_walked():
    paths, journeys = from_lists([[A, B]] * 3 + [[A, C]] * 2 + [[B, A, C]])
    effects = removal(paths, journeys, order=1)
    # From the start to B (1 of 6) and from there to the conversion (3 of 4), around A.
    assert effects[A] == pytest.approx(1 - 1 / 6 * 3 / 4) == 0.875
    # With a memory of two touches, B after the start is another B than B after A.
    assert removal(paths, journeys, order=2)[A] == pytest.approx(1)


def test_a_channel_that_all_walks_must_pass_has_a_removal_effect_of_one():
    paths, journeys = from_lists([[A, B, C], [A, B], [A, C, B]], is_converted=[True, True, False])
    assert removal(paths, journeys, order=1)[A] == pytest.approx(1)


def test_the_second_order_remembers_one_touch_more():
    # After A, B converts always, after C never. The first order sees a B of one in two.
    touches = [[A, B], [C, B]] * 5
    outcome = [True, False] * 5
    paths, journeys = from_lists(touches, is_converted=outcome)
    assert removal(paths, journeys, order=1) == pytest.approx([0.5, 1, 0.5])
    assert removal(paths, journeys, order=2) == pytest.approx([1, 1, 0])


def test_a_touch_a_half_life_earlier_earns_half():
    assert credit([[A, B]], models=["time_decay"], hours_before_end=[[168.0, 0.0]]) == {
        "time_decay": [round(1 / 3, 6), round(2 / 3, 6), 0.0, 0.0]
    }


def test_a_half_life_of_an_hour_does_not_lose_a_touch_of_last_year():
    shares = rules.time_decay(np.array([9000.0, 8999.0, 5.0]), np.array([2, 1]), 1.0)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1])


def test_position_gives_two_touches_their_halves_and_one_touch_everything():
    found = credit([[A, B], [C], [A, B, B, C]], models=["position"])
    assert found["position"] == [0.5 + 0.4, 0.5 + 0.2, 1 + 0.4, 0.0]


def test_direct_touches_earn_nothing_where_another_came_before():
    found = credit(
        [[A, B, C], [C]], models=["last_non_direct"], is_direct=[[False, False, True], [True]]
    )
    assert found["last_non_direct"] == [0.0, 1.0, 1.0, 0.0]


def removal(paths: Paths, journeys: Journeys, order: int) -> np.ndarray:
    """Removal effects without weights, straight from the chain."""
    walked = markov.chain(paths, order)
    by_path = [
        np.bincount(journeys.path, weight, minlength=len(paths.length))[:, None]
        for weight in (journeys.is_converted, ~journeys.is_converted, journeys.value)
    ]
    converted, lost, value = by_path
    last = walked.last.T
    effects, _ = markov.removal_effects(
        walked, walked.steps.T @ (converted + lost), last @ converted, last @ lost, last @ value, 3
    )
    return effects[:, 0]


@pytest.mark.parametrize("order", [1, 2])
def test_the_removal_effect_is_what_the_chain_without_the_channel_loses(order):
    """Against a chain that is solved anew for every channel, in which it leads to nothing."""
    random = np.random.default_rng(4)
    touches = [random.integers(0, 3, random.integers(1, 6)).tolist() for _ in range(60)]
    paths, journeys = from_lists(touches, is_converted=(random.random(60) < 0.4).tolist())
    walked = markov.chain(paths, order)
    end = len(walked.channel)
    steps = np.zeros((end + 1, end + 1))
    np.add.at(
        steps,
        (walked.origin, walked.target),
        walked.steps.T @ np.bincount(journeys.path, minlength=len(paths.length)),
    )
    bought = np.zeros(end + 1)
    bought[:end] = walked.last.T @ np.bincount(
        journeys.path, journeys.is_converted, minlength=len(paths.length)
    )
    failed = np.zeros(end + 1)
    failed[:end] = walked.last.T @ np.bincount(
        journeys.path, ~journeys.is_converted, minlength=len(paths.length)
    )
    leaving = steps.sum(axis=1) + bought + failed

    def converts(without: int | None) -> float:
        stays = np.ones(end + 1)
        if without is not None:
            stays[:end] = walked.channel != without
        going = steps / leaving[:, None] * stays[:, None]
        return np.linalg.solve(np.eye(end + 1) - going, bought / leaving * stays)[end]

    whole = converts(None)
    assert removal(paths, journeys, order) == pytest.approx(
        [1 - converts(channel) / whole for channel in range(3)]
    )
    assert whole == pytest.approx(journeys.is_converted.mean())


# Shapley


def test_shapley_is_the_equal_split_where_every_set_is_worth_the_same_per_channel():
    # One channel converts one journey in ten, two 2 in ten, three 3 in ten.
    touches, outcome = [], []
    for size in (1, 2, 3):
        for channels in itertools.combinations([A, B, C], size):
            touches += [list(channels)] * 10
            outcome += [True] * size + [False] * (10 - size)
    # each: one alone, half of two twice, a third of three
    found = credit(touches, models=["shapley"], is_converted=outcome)["shapley"]
    assert found == pytest.approx([1 + 2 * 2 / 2 + 3 / 3] * 3 + [0])


def test_a_channel_that_adds_nothing_earns_nothing_beside_the_one_that_does():
    # With B or without, one journey of A in two converts; B alone never does.
    touches = [[A]] * 4 + [[A, B]] * 4 + [[B]] * 4
    outcome = [True, True, False, False] * 2 + [False] * 4
    assert credit(touches, models=["shapley"], is_converted=outcome)["shapley"] == [4, 0, 0, 0]


def test_shapley_against_all_orders_in_which_channels_can_join():
    random = np.random.default_rng(2)
    channels = 4
    touches = [
        sorted(random.choice(channels, random.integers(1, channels + 1), replace=False).tolist())
        for _ in range(300)
    ]
    outcome = (random.random(300) < 0.3).tolist()
    paths, journeys = from_lists(touches, is_converted=outcome)
    rate: dict[frozenset[int], float] = {frozenset(): 0.0}
    for members in {frozenset(path) for path in touches}:
        of_set = [
            flag for path, flag in zip(touches, outcome, strict=True) if frozenset(path) == members
        ]
        rate[members] = sum(of_set) / len(of_set)

    def worth(members: frozenset[int]) -> float:
        return max(value for part, value in rate.items() if part <= members)

    expected = np.zeros(channels + 1)
    for path, flag in zip(touches, outcome, strict=True):
        orders = list(itertools.permutations(path))
        for order in orders if flag else []:
            for place, channel in enumerate(order):
                before = frozenset(order[:place])
                added = worth(before | {channel}) - worth(before)
                expected[channel] += added / len(orders) / worth(frozenset(path))
    found = attribute(paths, journeys, channels, QUIET, ["shapley"]).count[0]
    assert found == pytest.approx(expected)


def test_one_lucky_journey_makes_no_certainty_where_rates_are_thought_to_be_alike():
    touches = [[A]] + [[A, B]] * 100 + [[B]] * 100
    outcome = [True] + [True] * 30 + [False] * 70 + [True] * 20 + [False] * 80
    sure = credit(touches, models=["shapley"], is_converted=outcome)["shapley"]
    doubting = credit(
        touches, models=["shapley"], is_converted=outcome, policy=replace(QUIET, prior_journeys=50)
    )["shapley"]
    assert sure[A] > 25
    assert doubting[A] < 20


def test_a_journey_of_more_channels_than_have_subsets_to_go_through_leaves_shapley_out():
    many = shapley.MOST_SETS.bit_length()
    found = attribute(*from_lists([list(range(many))]), many, QUIET)
    assert found.models == tuple(model for model in MODELS if model != "shapley")
    assert found.count.sum(axis=1) == pytest.approx(1)
    # one channel less has them all
    fewer = attribute(*from_lists([list(range(many - 1))]), many - 1, QUIET, ["shapley"])
    assert fewer.count[0] == pytest.approx([1 / (many - 1)] * (many - 1) + [0])


def test_forty_channels_have_shapley_values_where_no_journey_touched_many():
    """A set's game asks of its own parts, so what went on elsewhere changes nothing."""
    touches = [[A], [B], [A, B], [A, B], [B, C], [A, B, C], [A, B, C]]
    outcome = [False, True, True, False, True, True, False]
    alone = credit(touches, models=["shapley"], is_converted=outcome)["shapley"]
    elsewhere = [[channel + 37 for channel in path] for path in touches]
    found = attribute(
        *from_lists(touches + elsewhere, is_converted=outcome * 2), 40, QUIET, ["shapley"]
    )
    assert found.count[0, :3] == pytest.approx(alone[:3])
    assert found.count[0, 37:40] == pytest.approx(alone[:3])
    assert not found.count[0, 3:37].any()


# Edges


def test_no_conversion_at_all_owes_nobody_anything():
    found = credit([[A, B], [B]], is_converted=[False, False])
    assert all(row == [0, 0, 0, 0] for row in found.values())
    assert found.keys() == set(MODELS)


def test_without_a_journey_that_failed_all_is_given_out_all_the_same():
    found = credit([[A, B], [B]])
    assert {model: sum(row) for model, row in found.items()} == dict.fromkeys(MODELS, 2)
    # B converts alone as surely as with A
    assert found["shapley"] == [0, 2, 0, 0]


def test_a_channel_that_only_failed_journeys_touched_is_owed_nothing():
    found = credit([[A], [A, B], [C, B]], is_converted=[True, False, False])
    assert {tuple(row) for row in found.values()} == {(1, 0, 0, 0)}


def test_a_path_of_one_touch_is_all_that_channels():
    found = credit([[B]], value=[12.5])
    assert {tuple(row) for row in found.values()} == {(0, 1, 0, 0)}
    assert {tuple(row) for row in money([[B]], value=[12.5]).values()} == {(0, 12.5, 0, 0)}


@pytest.mark.parametrize("prior_journeys", [0, 10])
def test_a_conversion_without_a_touch_is_owed_to_none_and_changes_nothing_for_the_others(
    prior_journeys,
):
    policy = replace(QUIET, prior_journeys=prior_journeys)
    without = money(
        [*TOY, [A]],
        value=[3.0, 5.0, 7.0, 0.0],
        is_converted=[True] * 3 + [False],
        policy=policy,
    )
    found = money(
        [*TOY, [A], [], [], []],
        value=[3.0, 5.0, 7.0, 0.0, 20.0, 1.0, 0.0],
        is_converted=[True] * 3 + [False] + [True] * 2 + [False],
        policy=policy,
    )
    assert found == {model: [*row[:3], 21] for model, row in without.items()}


def test_nothing_at_all_is_nothing():
    found = attribute(*from_lists([]), 0)
    assert found.count.tolist() == [[0.0]] * len(MODELS)
    assert found.journeys.tolist() == [0]


def test_money_of_the_chain_goes_to_where_dear_conversions_come_from():
    found = money([[A], [B]], models=["markov_1"], value=[90.0, 10.0])
    assert found == {"markov_1": [90.0, 10.0, 0.0, 0.0]}


def test_money_that_was_given_back_is_conserved_and_goes_the_way_of_the_conversions():
    found = money([[A], [B]], models=["markov_1"], value=[90.0, -10.0])
    assert found == {"markov_1": [40.0, 40.0, 0.0, 0.0]}


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="after the conversion"):
        from_lists([[A]], hours_before_end=[[-1.0]])
    with pytest.raises(ValueError, match="without a conversion"):
        from_lists([[A]], is_converted=[False], value=[1.0])
    with pytest.raises(ValueError, match="not one of 1"):
        attribute(*from_lists([[B]]), 1)
    with pytest.raises(ValueError, match="half_life"):
        credit([[A]], policy=replace(QUIET, half_life_hours=0))
    with pytest.raises(ValueError, match="unknown models"):
        credit([[A]], models=["guess"])
    with pytest.raises(ValueError, match="shares"):
        credit([[A, B]], policy=replace(QUIET, first_share=0.7))


# What holds of all journeys

paths_of = st.lists(st.integers(0, 3), max_size=6)
walks = st.lists(
    st.tuples(paths_of, st.booleans(), st.floats(0, 1e4), st.integers(0, 9)), max_size=25
)


def as_lists(rows, **more):
    return from_lists(
        [list(path) for path, *_ in rows],
        is_converted=[flag for _, flag, *_ in rows],
        value=[value if flag else 0.0 for _, flag, value, _ in rows],
        customer=[key for *_, key in rows],
        **more,
    )


def close(one: Credits, other: Credits) -> None:
    for figure in ("count", "count_low", "count_high", "amount", "amount_low", "amount_high"):
        assert getattr(one, figure) == pytest.approx(getattr(other, figure), abs=1e-6), figure
    assert one.journeys.tolist() == other.journeys.tolist()


@settings(max_examples=60, deadline=None)
@given(walks)
def test_every_model_gives_out_all_conversions_and_all_money_and_takes_from_nobody(rows):
    found = attribute(*as_lists(rows), 4, Policy(draws=5, prior_journeys=2))
    conversions = sum(flag for _, flag, *_ in rows)
    worth = sum(value for _, flag, value, _ in rows if flag)
    assert found.count.sum(axis=1) == pytest.approx(conversions, abs=1e-6)
    assert found.amount.sum(axis=1) == pytest.approx(worth, abs=1e-6)
    assert min(found.count.min(), found.count_low.min(), found.amount.min()) >= -1e-9


@settings(max_examples=30, deadline=None)
@given(walks, st.randoms(use_true_random=False))
def test_the_order_of_the_journeys_changes_nothing(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    policy = Policy(draws=6, prior_journeys=1)
    close(attribute(*as_lists(rows), 4, policy), attribute(*as_lists(shuffled), 4, policy))


@settings(max_examples=30, deadline=None)
@given(walks, st.permutations(range(4)))
def test_the_codes_of_the_channels_change_nothing(rows, codes):
    renamed = [([codes[code] for code in path], *rest) for path, *rest in rows]
    policy = Policy(draws=3)
    one, other = (attribute(*as_lists(some), 4, policy) for some in (rows, renamed))
    places = [*codes, 4]
    assert other.count[:, places] == pytest.approx(one.count, abs=1e-6)
    assert other.amount_high[:, places] == pytest.approx(one.amount_high, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(walks)
def test_two_of_everybody_are_owed_twice_as_much(rows):
    one, two = (attribute(*as_lists(some), 4, Policy(draws=3)) for some in (rows, rows * 2))
    assert two.count == pytest.approx(2 * one.count, abs=1e-6)
    assert two.amount_low == pytest.approx(2 * one.amount_low, abs=1e-5)


# Counting paths


def as_walks(rows) -> Paths:
    return Paths(
        np.array([code for row in rows for code, _ in row], dtype=np.int64),
        np.array([flag for row in rows for _, flag in row], dtype=np.bool_),
        np.array([len(row) for row in rows], dtype=np.int64),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=4), max_size=30))
def test_distinct_paths_are_each_there_once_and_every_walk_finds_its_own(rows):
    paths, path = distinct(as_walks(rows))
    ends = np.cumsum(paths.length)
    found = [
        list(zip(channel.tolist(), flags.tolist(), strict=True))
        for channel, flags in zip(
            np.split(paths.channel, ends)[:-1], np.split(paths.is_direct, ends)[:-1], strict=True
        )
    ]
    assert [found[number] for number in path] == rows
    assert len(found) == len({tuple(row) for row in rows})


def test_walks_that_share_a_number_by_chance_are_not_made_one(monkeypatch):
    # Every touch is mixed to nothing, so that all walks of one length share a number.
    monkeypatch.setattr(paths_module, "_ODD", np.uint64(0))
    rows = [[(0, False)], [(1, False)], [(0, False)]]
    paths, path = distinct(as_walks(rows))
    assert paths.channel[path].tolist() == [0, 1, 0]


# Intervals


def test_weights_are_those_of_poisson_numbers_of_mean_one():
    random = np.random.default_rng(3)
    found = bootstrap.weights(random.integers(0, 2**64, 20_000, dtype=np.uint64), 50)
    # a million numbers: mean and variance within 5 standard errors of 1
    assert found.mean() == pytest.approx(1, abs=5e-3)
    assert found.var() == pytest.approx(1, abs=9e-3)
    assert (found == 0).mean() == pytest.approx(np.exp(-1), abs=2.5e-3)
    # no draw knows of another, and no customer either
    of_draws = np.corrcoef(found.T.astype(float))
    assert np.abs(of_draws - np.eye(50)).max() < 5 / np.sqrt(20_000)


def test_a_customer_has_the_same_weights_in_whatever_company_they_are():
    few = np.array([5, 9], dtype=np.uint64)
    many = np.array([1, 9, 2, 5], dtype=np.uint64)
    assert (bootstrap.weights(few, 8) == bootstrap.weights(many, 8)[[3, 1]]).all()
    assert (bootstrap.weights(few, 8)[:, :5] == bootstrap.weights(few, 5)).all()


def test_rules_and_chains_of_a_draw_are_those_of_the_base_in_which_customers_are_so_often():
    """The intervals' ends of two draws are the draws: each is a base of its own."""
    random = np.random.default_rng(8)
    touches = [random.integers(0, 3, random.integers(0, 5)).tolist() for _ in range(80)]
    outcome = (random.random(80) < 0.5).tolist()
    value = [
        round(float(x), 2) if flag else 0.0
        for x, flag in zip(random.random(80), outcome, strict=True)
    ]
    keys = (np.arange(80, dtype=np.uint64) // np.uint64(2)) * np.uint64(0x9E3779B97F4A7C15)
    paths, journeys = from_lists(touches, is_converted=outcome, value=value, customer=keys.tolist())
    found = attribute(paths, journeys, 3, Policy(draws=2, level=1.0))
    drawn = []
    for times in bootstrap.weights(keys, 2).T:
        rows = np.repeat(np.arange(80), times)
        base = from_lists(
            [touches[row] for row in rows],
            is_converted=[outcome[row] for row in rows],
            value=[value[row] for row in rows],
        )
        drawn.append(attribute(*base, 3, QUIET))
    for figure in ("count", "amount"):
        draws = np.stack([getattr(one, figure) for one in drawn])
        assert getattr(found, f"{figure}_low") == pytest.approx(draws.min(axis=0))
        assert getattr(found, f"{figure}_high") == pytest.approx(draws.max(axis=0))


def test_intervals_are_as_wide_as_chance_and_wider_where_customers_come_again():
    random = np.random.default_rng(5)
    outcome = (random.random(4000) < 0.25).tolist()
    keys = random.integers(0, 2**63, 4000).tolist()
    once = attribute(*from_lists([[A]] * 4000, is_converted=outcome, customer=keys), 1)
    # about a thousand conversions: 1.96 times their root on either side
    width = (once.count_high - once.count_low)[RULES.index("last"), 0]
    assert width == pytest.approx(2 * 1.96 * np.sqrt(sum(outcome)), rel=0.2)
    again = [key for key in keys[:1000] for _ in range(4)]
    whole = [flag for flag in outcome[:1000] for _ in range(4)]
    four_times = attribute(*from_lists([[A]] * 4000, is_converted=whole, customer=again), 1)
    wide = (four_times.count_high - four_times.count_low)[RULES.index("last"), 0]
    assert wide == pytest.approx(4 * 2 * 1.96 * np.sqrt(sum(whole) / 4), rel=0.2)


def test_without_draws_the_interval_is_the_figure():
    found = attribute(*from_lists(TOY), 2, QUIET)
    assert (found.count_low == found.count).all()
    assert (found.amount_high == found.amount).all()
