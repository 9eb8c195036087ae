"""From a table of touches to a table of credit: what the nightly's models in Python do."""

import itertools

import duckdb
import pytest

from rapport.journey.attribution import MODELS, RULES, Policy
from rapport.journey.months import campaign_credits, channel_credits, policy

MAY, JUNE = "2017-05-01", "2017-06-01"
COLUMNS = (
    "impressions, journey_id, customer_id, ended_month, is_converted, conversion_value, "
    "touch_number, channel, campaign_id, is_direct, hours_before_end"
)
TOUCHES = [
    # a letter of campaign x, then a visit: 30 in May
    ("counted", "a:1", "a", MAY, True, 30.0, 1, "email", "x", False, 24.0),
    ("counted", "a:1", "a", MAY, True, 30.0, 2, "web", None, True, 0.0),
    ("ignored", "a:1", "a", MAY, True, 30.0, 1, "web", None, True, 0.0),
    # nothing before it: 5 in May
    ("counted", "b:1", "b", MAY, True, 5.0, 0, "none", None, True, 0.0),
    ("ignored", "b:1", "b", MAY, True, 5.0, 0, "none", None, True, 0.0),
    # letters of two campaigns, abandoned in June
    ("counted", "c:1", "c", JUNE, False, 0.0, 2, "email", "y", False, 10.0),
    ("counted", "c:1", "c", JUNE, False, 0.0, 1, "email", "x", False, 50.0),
]
QUIET = Policy(draws=20)


@pytest.fixture
def touches():
    """Return a function that gives a relation of touches."""
    with duckdb.connect() as connection:

        def make(rows):
            connection.execute(
                "create or replace table touches (impressions varchar, journey_id varchar, "
                "customer_id varchar, ended_month date, is_converted boolean, "
                "conversion_value double, touch_number bigint, channel varchar, "
                "campaign_id varchar, is_direct boolean, hours_before_end double)"
            )
            for row in rows:
                marks = ", ".join("?" * len(row))
                connection.execute(f"insert into touches values ({marks})", row)
            return connection.table("touches")

        yield make


def rows(table, *columns):
    return [tuple(row[column] for column in columns) for row in table.to_pylist()]


def test_credit_goes_by_month_way_of_counting_channel_and_model(touches):
    found = channel_credits(touches(TOUCHES), QUIET)
    linear = [row for row in found.to_pylist() if row["model"] == "linear"]
    assert [
        (
            str(row["ended_month"]),
            row["impressions"],
            row["channel"],
            row["journey_count"],
            row["converted_journey_count"],
            row["credit_count"],
            row["credit_amount"],
        )
        for row in linear
    ] == [
        (MAY, "counted", "email", 1, 1, 0.5, 15.0),
        (MAY, "counted", "web", 1, 1, 0.5, 15.0),
        (MAY, "counted", "none", 1, 1, 1.0, 5.0),
        (MAY, "ignored", "web", 1, 1, 1.0, 30.0),
        (MAY, "ignored", "none", 1, 1, 1.0, 5.0),
        (JUNE, "counted", "email", 1, 0, 0.0, 0.0),
    ]
    assert set(found["model"].to_pylist()) == set(MODELS)


def test_a_touch_that_was_not_direct_goes_before_a_later_one_that_was(touches):
    found = channel_credits(touches(TOUCHES), QUIET)
    earned = {
        (row["impressions"], row["channel"]): row["credit_count"]
        for row in found.to_pylist()
        if row["model"] == "last_non_direct" and str(row["ended_month"]) == MAY
    }
    assert earned["counted", "email"] == 1
    assert earned["counted", "web"] == 0
    assert earned["ignored", "web"] == 1


def test_campaigns_are_owed_by_the_rules_and_the_rest_is_one_row_of_null(touches):
    found = campaign_credits(touches(TOUCHES), QUIET)
    assert set(found["model"].to_pylist()) == set(RULES)
    linear = [row for row in found.to_pylist() if row["model"] == "linear"]
    assert [
        (
            str(row["ended_month"]),
            row["impressions"],
            row["campaign_id"],
            row["journey_count"],
            row["credit_count"],
            row["credit_amount"],
        )
        for row in linear
    ] == [
        (MAY, "counted", "x", 1, 0.5, 15.0),
        (MAY, "counted", None, 2, 1.5, 20.0),
        (MAY, "ignored", None, 2, 2.0, 35.0),
        (JUNE, "counted", "x", 1, 0.0, 0.0),
        (JUNE, "counted", "y", 1, 0.0, 0.0),
    ]


def test_the_order_of_the_rows_changes_not_a_digit(touches):
    many = []
    for key, number in itertools.product("pqrstuvw", range(6)):
        worth = 1.1 * number if number % 3 == 0 else 0.0
        for place in range(1, 2 + number % 4):
            channel = "abc"[(number * place + ord(key)) % 3]
            ended = (f"{key}:{number}", key, MAY, number % 3 == 0, worth)
            many.append(("counted", *ended, place, channel, None, place == 2, 3.7 / place))
    forth = channel_credits(touches(many), QUIET)
    back = channel_credits(touches(many[::-1]), QUIET)
    assert forth.equals(back)
    assert forth.num_rows == 3 * len(MODELS)


def test_no_journey_is_an_empty_table_of_the_same_columns(touches):
    found = channel_credits(touches([]), QUIET)
    assert found.num_rows == 0
    assert found.schema == channel_credits(touches(TOUCHES), QUIET).schema


def test_the_policy_is_read_off_its_row():
    with duckdb.connect() as connection:
        row = connection.sql(
            "select 72e0 as half_life_hours, 0.3e0 as first_share, 0.5e0 as last_share, "
            "4e0 as prior_journeys, 50 as draws, 1.96e0 as confidence_z"
        )
        found = policy(row)
    assert (found.half_life_hours, found.first_share, found.last_share) == (72, 0.3, 0.5)
    assert (found.prior_journeys, found.draws) == (4, 50)
    assert found.level == pytest.approx(0.95, abs=1e-4)
