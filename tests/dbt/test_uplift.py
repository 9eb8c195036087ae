"""What a campaign did beside those kept out of it: tables worked out by hand and by others."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.dbt.uplift_arms import arms, two_by_two, uplift_of

# R. G. Newcombe, "Interval estimation for the difference between independent proportions",
# Statistics in Medicine 17 (1998), table II, method 10.
NEWCOMBE = {
    "a": ((56, 70, 48, 80), (0.0524, 0.3339)),
    "b": ((9, 10, 3, 10), (0.1705, 0.8090)),
    "c": ((6, 7, 2, 7), (0.0582, 0.8062)),
    "d": ((5, 56, 0, 29), (-0.0381, 0.1926)),
    "e": ((0, 10, 0, 20), (-0.1611, 0.2775)),
    "f": ((0, 10, 0, 10), (-0.2775, 0.2775)),
    "g": ((10, 10, 0, 20), (0.6791, 1.0000)),
    "h": ((10, 10, 0, 10), (0.6075, 1.0000)),
}
FIGURES = ["treated_count", "control_count", "ordered_uplift", "ordered_uplift_low",
           "sales_uplift_per_customer", "sales_uplift_per_customer_low", "ordered_corrected_chance",
           "cumulated_ordered_count", "qini_coefficient", "verdict"]  # fmt: skip


def money():
    """Baskets of two arms, most of them empty."""
    random = np.random.default_rng(3)
    treated = random.gamma(1.2, 30, 90) * (random.random(90) < 0.4)
    control = random.gamma(1.0, 20, 60) * (random.random(60) < 0.3)
    return treated.round(3), control.round(3)


def six_scores(order):
    """Customers of six types, and so six scores, in another order of rows."""
    random = np.random.default_rng(5)
    rows = [
        {
            "p_response": 0.05 * score,
            "relationship_type": f"type_{score}",
            "has_ordered": bool(random.random() < 0.1 + 0.05 * score + 0.03 * score * (arm == "t")),
            "sales_amount": float(score),
            "arm": arm,
        }
        for arm in "tc"
        for score in range(1, 7)
        for _ in range(25)
    ]
    rows = [rows[place] for place in np.random.default_rng(order).permutation(len(rows))]
    treated, control = ([r for r in rows if r["arm"] == arm] for arm in "tc")
    return (
        [each | {"arm": "treatment"} for each in treated],
        [each | {"arm": "control"} for each in control],
    )


@pytest.fixture(scope="module")
def uplift(tmp_path_factory, warehouse):
    """Return a function that gives the rows of a campaign by way of looking and group."""
    treated, control = money()
    found = uplift_of(
        tmp_path_factory.mktemp("uplift"),
        warehouse,
        *(two_by_two(f"newcombe_{name}", *table) for name, (table, _) in NEWCOMBE.items()),
        arms(
            "money",
            [{"has_ordered": bool(each), "sales_amount": each} for each in treated],
            [{"has_ordered": bool(each), "sales_amount": each} for each in control],
        ),
        arms("one_order", *six_scores(1)),
        arms("another_order", *six_scores(2)),
        # Of the four who are likelier to answer the two who were written to ordered; of the others
        # the two who were not.
        pd.concat([
            two_by_two("qini", 2, 2, 0, 2, p_response=0.4),
            two_by_two("qini", 0, 2, 2, 2, p_response=0.2),
        ]),
        pd.concat([
            two_by_two("holm", 30, 50, 15, 50, relationship_type="first"),
            two_by_two("holm", 22, 50, 12, 50, relationship_type="second"),
            two_by_two("holm", 10, 50, 9, 50, relationship_type="third"),
            two_by_two("holm", 1, 1, 0, 1, relationship_type="too_few"),
        ]),
    )  # fmt: skip

    def rows(campaign, breakdown="everybody"):
        own = found[(found.campaign_id == campaign) & (found.breakdown == breakdown)]
        return own.set_index("group_name").sort_index()

    return rows


@pytest.mark.parametrize("name", NEWCOMBE)
def test_the_difference_of_two_shares_has_newcombes_interval(uplift, name):
    (ordered, treated, without, control), bounds = NEWCOMBE[name]
    row = uplift(f"newcombe_{name}").loc["everybody"]
    assert row.ordered_uplift == pytest.approx(ordered / treated - without / control, abs=1e-6)
    assert (row.ordered_uplift_low, row.ordered_uplift_high) == pytest.approx(bounds, abs=1e-4)


def test_the_difference_of_two_means_has_welchs_interval(uplift):
    treated, control = money()
    asked = stats.ttest_ind(treated, control, equal_var=False)
    row = uplift("money").loc["everybody"]
    assert row.sales_uplift_per_customer == pytest.approx(treated.mean() - control.mean(), abs=1e-6)
    assert (
        row.sales_uplift_per_customer_low,
        row.sales_uplift_per_customer_high,
    ) == pytest.approx(tuple(asked.confidence_interval(0.95)), rel=1e-3)
    assert row.sales_chance == pytest.approx(asked.pvalue, abs=1e-4)


def test_where_nobody_spent_anything_no_interval_of_money_is_made_up(uplift):
    row = uplift("newcombe_a").loc["everybody"]
    assert row[["sales_uplift_per_customer", "sales_uplift_per_customer_low"]].isna().all()


def test_looking_at_many_groups_is_corrected_for_by_holm(uplift):
    """Four groups: three types that are large enough, and the tier that all are in."""
    types, tier = uplift("holm", "relationship_type"), uplift("holm", "value_tier")
    chances = {
        "first": (types.ordered_chance["first"], types.ordered_corrected_chance["first"]),
        "second": (types.ordered_chance["second"], types.ordered_corrected_chance["second"]),
        "third": (types.ordered_chance["third"], types.ordered_corrected_chance["third"]),
        "tier": (tier.ordered_chance["low"], tier.ordered_corrected_chance["low"]),
    }
    # differences in standard errors, of the shares pooled
    for name, (ordered, without, each) in {
        "tier": (63, 36, 151), "first": (30, 15, 50), "second": (22, 12, 50), "third": (10, 9, 50),
    }.items():  # fmt: skip
        share = (ordered + without) / (2 * each)
        z = (ordered - without) / each / np.sqrt(share * (1 - share) * 2 / each)
        assert chances[name][0] == pytest.approx(2 * stats.norm.sf(z), abs=2e-6)
    told = [chances[name][1] for name in ("tier", "first", "second", "third")]
    alone = [chances[name][0] for name in ("tier", "first", "second", "third")]
    assert told == pytest.approx(
        [4 * alone[0], max(4 * alone[0], 3 * alone[1]), 2 * alone[2], alone[3]], abs=3e-6
    )
    assert dict(types.verdict) == {
        "first": "more", "second": "open", "third": "open", "too_few": "not_measured",
    }  # fmt: skip
    assert types.ordered_corrected_chance.isna()["too_few"]


def test_a_qini_curve_by_hand(uplift):
    """Two are won among the first four; writing to all eight wins none of them.

    The curve goes through (4, 2) to (8, 0), writing to anybody is worth 0 everywhere, and the best
    order through (2, 2) and (6, 2): areas of 8, 0 and 12.
    """
    assert uplift("qini").qini_coefficient["everybody"] == pytest.approx(8 / 12, abs=1e-6)
    assert dict(uplift("qini", "p_response_decile").cumulated_ordered_count) == {"2": 0, "7": 2}


def test_one_score_for_all_is_no_order_to_write_to_them_in(uplift):
    assert uplift("newcombe_a").qini_coefficient.isna()["everybody"]


@pytest.mark.parametrize("breakdown", ["everybody", "relationship_type", "p_response_decile"])
def test_equal_scores_stand_together_whatever_the_order_of_rows(uplift, breakdown):
    one, another = (uplift(name, breakdown)[FIGURES] for name in ("one_order", "another_order"))
    pd.testing.assert_frame_equal(one, another)


def test_a_tenth_holds_whole_scores(uplift):
    """Six scores of fifty customers each: six tenths, each at the bottom of its group."""
    deciles = uplift("one_order", "p_response_decile")
    assert sorted(deciles.index, key=int) == ["1", "2", "4", "6", "7", "9"]
    assert (deciles.treated_count == 25).all()
    assert (deciles.p_response.round(6).sort_values() == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]).all()
