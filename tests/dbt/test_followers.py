"""Summaries that follow a fact read anew what changed, all of it and little else."""

import re
import shutil

import pytest

from tests.dbt.differences import differences
from tests.dbt.landing_fixture import land
from tests.dbt.two_nights import (
    FIRST,
    SECOND,
    _campaign,
    _coupon,
    _order,
    _received,
    land_first_night,
)

pytestmark = pytest.mark.slow  # six builds
FACTS = ("--select", "+fct_orders", "+fct_touchpoints", "+dim_campaigns")
FOLLOWERS = ("--select", "+rpt_campaign_performance", "+rpt_channel_months")
WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
NOTHING_TO_READ = {
    "fct_campaign_recipients": (0, "campaigns"),
    "fct_campaign_orders": (0, "days of orders"),
    "rpt_channel_months": (0, "months"),
}


def land_changes(landing):
    """Another window, a campaign and its delivery that come late, and an order of long ago."""
    land(
        landing,
        "shop",
        SECOND,
        "S2",
        {
            "orders": [_order("late", 2, "2017-01-15 12:00:00")],
            "coupons": [
                {
                    **_coupon("u1", product, "c1"),
                    "valid_until": "2017-02-27 00:00:00",
                    "updated_at": "2017-03-02 00:00:00",
                }
                for product in ("p1", "p2")
            ],
        },
    )
    land(
        landing,
        "klaviyo",
        SECOND,
        "K2",
        {
            "campaigns": [_campaign("c3", "M3", "2017-02-26")],
            "events": [_received("e30", "k2", "M3", "2017-02-26T08:00:00+00:00")],
        },
    )


def read_anew(build) -> dict[str, tuple[int, str]]:
    """How much of each follower a build read anew, as the log has it."""
    lines = [re.fullmatch(r"(\w+): (\d+) (.*) to read anew", line) for line in build.messages]
    return {line[1]: (int(line[2]), line[3]) for line in lines if line}


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """The second night: upon the first, after a build that broke off, once more, and alone."""
    folder = tmp_path_factory.mktemp("followers")
    landing = folder / "landing"
    built = {}
    for name in ("first", "continued", "broken", "repeated", "scratch"):
        (folder / name).mkdir()
        # One file name for all: the views of a DuckDB file know the file by it.
        built[name] = warehouse(folder / name / "rapport.duckdb", landing)

    def build(name: str, night: str, *selected: str) -> None:
        made = built[name].build(night, *selected, *WITHOUT_TESTS)
        assert made.success, made.failures()
        built[name].last_build = made

    land_first_night(landing)
    build("first", FIRST, *FOLLOWERS)
    built["first"].close_build(FIRST)
    land_changes(landing)

    shutil.copy(built["first"].path, built["continued"].path)
    build("continued", SECOND, *FOLLOWERS)
    built["continued"].close_build(SECOND)

    shutil.copy(built["first"].path, built["broken"].path)
    build("broken", SECOND, *FACTS)
    build("broken", SECOND, *FOLLOWERS)

    shutil.copy(built["continued"].path, built["repeated"].path)
    build("repeated", SECOND, *FOLLOWERS)
    build("scratch", SECOND, *FOLLOWERS)
    return built


@pytest.mark.parametrize("name", ["continued", "broken", "repeated"])
def test_a_follower_equals_one_that_is_made_from_nothing(nights, name):
    assert differences(nights[name], nights["scratch"], "marts") == {}


def test_something_did_change(nights):
    """Otherwise the comparison above would prove nothing."""
    changed = differences(nights["first"], nights["scratch"], "marts")
    assert {f"marts.{follower}" for follower in NOTHING_TO_READ} <= set(changed)


def test_an_order_follows_the_window_of_its_campaign(nights):
    held = "select order_id, campaign_ids from marts.fct_campaign_orders order by order_id"
    assert nights["first"].rows(held) == [("o1", ["c1"]), ("o2", ["c1"]), ("o4", ["c1"])]
    assert nights["continued"].rows(held) == [("o1", ["c1"]), ("o2", ["c3"]), ("o8", ["c3"])]


def test_only_what_changed_is_read_anew(nights):
    assert read_anew(nights["continued"].last_build) == {
        "fct_campaign_recipients": (2, "campaigns"),  # one with another window, and the new one
        "rpt_channel_months": (3, "months"),  # the late order's, the delivery's, the night's own
        "fct_campaign_orders": (61, "days of orders"),  # 01-15, and the old window: 02-01 to 04-01
    }


def test_a_second_build_reads_nothing_anew(nights):
    assert read_anew(nights["repeated"].last_build) == NOTHING_TO_READ


def test_what_a_broken_build_was_told_is_not_forgotten(nights):
    """Its facts were done, so nothing but the note says which days its followers lack."""
    assert read_anew(nights["broken"].last_build) == read_anew(nights["continued"].last_build)


def test_notes_are_struck_off_once_they_were_followed(nights):
    for night in nights.values():
        assert night.rows("select count(*) from ops.touched_days") == [(0,)]
