"""Models that follow a fact read anew what changed, all of it and little else."""

import shutil

import pytest

from tests.dbt.differences import differences
from tests.dbt.followed_nights import (
    FIFTH,
    FIRST,
    FOURTH,
    SECOND,
    SEVENTH,
    SIXTH,
    THIRD,
    land_fifth_night,
    land_first_night,
    land_fourth_night,
    land_second_night,
    land_seventh_night,
    land_sixth_night,
    land_third_night,
)

pytestmark = pytest.mark.slow  # a dozen builds
FACTS = ("--select", "+fct_orders", "+fct_touchpoints", "+fct_control_draws", "+dim_campaigns")
FOLLOWERS = {
    "dim_customer_habits",
    "dim_customer_relationships",
    "dim_shared_values",
    "fct_campaign_orders",
    "fct_campaign_recipients",
    "fct_contact_days",
    "fct_contact_exposures",
    "fct_customer_months",
    "fct_exposure_days",
    "fct_relationship_evidence",
    "fct_relationship_months",
    "rpt_channel_months",
    "rpt_cohort_retention",
}
# Told of followers; the types of so few customers stay what they are.
TOLD = {"rpt_relationship_transitions"}
ALL = ("--select", "+rpt_campaign_performance", *(f"+{name}" for name in sorted(FOLLOWERS | TOLD)))
ALONE = ("--select", *sorted(FOLLOWERS | TOLD))
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")

# How a second night comes about upon the first: what is built, one after the other.
SECOND_NIGHTS = {
    "at once": [ALL],
    "broken off after the facts": [FACTS, ALL],
    "facts made whole": [(*FACTS, "--full-refresh"), ALL],
    "followers first": [ALONE, ALL],
    "all made whole": [(*ALL, "--full-refresh")],
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """The second night in every way it can come about, twice, from scratch; and two more."""
    folder = tmp_path_factory.mktemp("followers")
    landing = folder / "landing"
    built = {}

    def build(name: str, night: str, *steps: tuple[str, ...], upon: str | None = None) -> None:
        made = built[name] = warehouse(folder / name, landing)
        made.path.parent.mkdir()
        if upon:
            shutil.copy(built[upon].path, made.path)
        for step in steps:
            made.last_build = made.build(night, *step, *WITHOUT_TESTS)
            assert made.last_build.success, made.last_build.failures()

    land_first_night(landing)
    build("first", FIRST, ALL)
    built["first"].close_build(FIRST)

    land_second_night(landing)
    for name, steps in SECOND_NIGHTS.items():
        build(name, SECOND, *steps, upon="first")
    build("scratch", SECOND, ALL)
    built["at once"].close_build(SECOND)
    build("once more", SECOND, ALL, upon="at once")

    land_third_night(landing)
    build("third", THIRD, ALL, upon="at once")
    build("third from scratch", THIRD, ALL)
    built["third"].close_build(THIRD)

    land_fourth_night(landing)
    build("fourth", FOURTH, ALL, upon="third")
    build("fourth from scratch", FOURTH, ALL)
    built["fourth"].close_build(FOURTH)

    for name, night, land_night, before in (
        ("fifth", FIFTH, land_fifth_night, "fourth"),
        ("sixth", SIXTH, land_sixth_night, "fifth"),
        ("seventh", SEVENTH, land_seventh_night, "sixth"),
    ):
        land_night(landing)
        build(name, night, ALL, upon=before)
        build(f"{name} from scratch", night, ALL)
        built[name].close_build(night)
    return built


@pytest.mark.parametrize("name", [*SECOND_NIGHTS, "once more"])
def test_a_night_upon_the_first_equals_one_from_scratch(nights, name):
    assert differences(nights[name], nights["scratch"], "marts") == {}


def test_a_third_night_equals_one_from_scratch(nights):
    assert differences(nights["third"], nights["third from scratch"], "marts") == {}


def test_what_says_something_about_everybody_is_not_only_read_of_one(nights):
    """The first order on the web is one customer's, and changes what the stores say of all."""
    evidence = "marts.fct_relationship_evidence"
    stores = f"select distinct customer_id from {evidence} where signal = 'store_visits'"
    assert nights["third"].rows(stores) == []
    assert len(nights["fourth"].rows(stores)) > 1
    assert differences(nights["fourth"], nights["fourth from scratch"], "marts") == {}


def test_what_she_says_counts_from_the_night_on_that_she_says_it(nights):
    assert differences(nights["fifth"], nights["fifth from scratch"], "marts") == {}
    changed = differences(nights["fourth"], nights["fifth"], "marts")
    kept_by_customer = {name for name in FOLLOWERS if name.startswith("dim_")}
    assert {f"marts.{name}" for name in kept_by_customer} <= set(changed)


def test_who_looks_after_her_is_read_of_those_concerned(nights):
    assert differences(nights["sixth"], nights["sixth from scratch"], "marts") == {}
    changed = differences(nights["fifth"], nights["sixth"], "marts")
    assert {"marts.dim_customer_habits", "marts.dim_customer_relationships"} <= set(changed)
    rebuilt = nights["sixth"].last_build.rebuilt()
    assert rebuilt["dim_customer_habits"] == "1 customers"
    # the first deal that anybody has says something about everybody
    assert rebuilt["dim_customer_relationships"] == "8 customers"
    assert rebuilt["dim_shared_values"] == "0 customers"


def test_with_a_new_month_a_year_is_another_year(nights):
    assert differences(nights["seventh"], nights["seventh from scratch"], "marts") == {}
    everybody = nights["seventh"].rows("select count(*) from marts.dim_customers")[0][0]
    rebuilt = nights["seventh"].last_build.rebuilt()
    assert rebuilt["dim_customer_habits"] == f"{everybody} customers"
    assert rebuilt["dim_customer_relationships"] == f"{everybody} customers"


def test_everything_did_change(nights):
    """Otherwise the comparisons above would prove nothing."""
    changed = differences(nights["first"], nights["scratch"], "marts")
    assert {f"marts.{follower}" for follower in FOLLOWERS} <= set(changed)


def test_an_order_follows_the_window_of_its_campaign(nights):
    """The first one's ends on 02-27 now, and that of December has coupons valid to April."""
    held = (
        "select order_id, campaign_ids from marts.fct_campaign_orders "
        "where order_id not like 'o1_' order by order_id"  # those are there for what comes back
    )
    assert nights["first"].rows(held) == [("o1", ["c1"]), ("o2", ["c1"]), ("o4", ["c1"])]
    assert nights["at once"].rows(held) == [
        ("late", ["c4"]),
        ("o1", ["c1", "c4"]),
        ("o2", ["c4"]),
        ("o3", ["c1"]),
        ("o4", ["c4"]),
        ("o8", ["c4"]),
    ]


def test_only_what_changed_is_read_anew(nights):
    assert nights["at once"].last_build.rebuilt() == {
        # 01-15 late, 03-02 has come
        "fct_orders": "2 days",
        "fct_order_lines": "2 days",
        # those of the orders; 01-01 late, 02-01 left, 02-02 entered, 02-24 was never theirs, 01-10
        # and 02-15 changed customer, 01-20 knows its campaign, 02-26 new
        "fct_touchpoints": "10 days",
        # 12-20 late, 01-05 knows its channel
        "fct_control_draws": "2 days",
        # those of the touchpoints
        "fct_contact_days": "10 days of 4 customers",
        # all since a week before the late draw
        "fct_contact_exposures": "80 days of 4 customers",
        "fct_exposure_days": "80 days",
        "rpt_channel_months": "3 months",
        # from the late order on
        "rpt_cohort_retention": "3 months",
        # December too, whose campaign is an offer now
        "fct_customer_months": "4 months of 4 customers",
        # a signal of which there was none before says something about everybody
        "fct_relationship_months": "3 month ends of all customers",
        "rpt_relationship_transitions": "3 month ends",
        "fct_relationship_evidence": "9 customers",
        "dim_customer_habits": "4 customers",
        "dim_customer_relationships": "9 customers",
        "dim_shared_values": "4 customers",
        # other windows, a new one; all days since the one of December began
        "fct_campaign_recipients": "3 campaigns",
        "fct_campaign_orders": "66 days",
    }


def test_a_usual_night_reads_a_week_of_exposures_and_a_day_of_the_rest(nights):
    assert nights["third"].last_build.rebuilt() == {
        "fct_orders": "0 days",
        "fct_order_lines": "0 days",
        "fct_touchpoints": "1 days",
        "fct_control_draws": "0 days",
        "fct_contact_days": "1 days of 1 customers",
        "fct_contact_exposures": "8 days of 1 customers",
        "fct_exposure_days": "8 days",
        "rpt_channel_months": "1 months",
        "rpt_cohort_retention": "0 months",
        # a letter of the last days of February could be answered now
        "fct_customer_months": "2 months of 1 customers",
        # but was not, so that no month that is over differs
        "fct_relationship_months": "0 month ends of 0 customers",
        "rpt_relationship_transitions": "0 month ends",
        "fct_relationship_evidence": "1 customers",
        # which are those of months that are over
        "dim_customer_habits": "0 customers",
        "dim_customer_relationships": "1 customers",
        "dim_shared_values": "1 customers",
        "fct_campaign_recipients": "1 campaigns",
        "fct_campaign_orders": "1 days",
    }


def test_a_second_build_reads_nothing_anew(nights):
    rebuilt = nights["once more"].last_build.rebuilt()
    assert set(rebuilt) >= FOLLOWERS
    assert {name: what for name, what in rebuilt.items() if not what.startswith("0 ")} == {}


def test_what_a_broken_build_noted_is_not_forgotten(nights):
    """Its facts were done, so nothing but the notes says which days their followers lack."""
    once = nights["at once"].last_build.rebuilt()
    later = nights["broken off after the facts"].last_build.rebuilt()
    assert {name: later[name] for name in FOLLOWERS} == {name: once[name] for name in FOLLOWERS}
    assert later["fct_touchpoints"] == "0 days"
