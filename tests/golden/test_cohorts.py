"""Cohort retention of the real company, against plain pandas over the data set's own files."""

import pandas as pd
import pytest

from sandbox import trade

STORES = "America/New_York"  # whose clock says in which month a basket was; the files are in UTC
LAST_MONTH = pd.Period("2018-01", "M")  # the night's: nobody ordered in it any more


@pytest.fixture(scope="module")
def expected(journey):
    """Households, baskets and sales per first month and months since, the textbook way."""
    lines = journey.sql(
        "select household_id, basket_id, transaction_timestamp, sales_value from transactions"
    ).df()
    # What the sandbox adds, within one month: what is not kept is no order, whatever it is worth.
    added = pd.DataFrame(
        [
            (
                trade.account(order.account),
                trade.order_id(number) if order.is_kept else None,
                pd.Timestamp(trade.ordered_at(number), unit="ms"),
                order.gross - order.returned if order.currency == "USD" else 0,
            )
            for number, order in enumerate(trade.ORDERS)
            if order.account != trade.GUEST
        ],
        columns=lines.columns,
    )
    lines = pd.concat([lines, added])
    at_the_store = lines["transaction_timestamp"].dt.tz_localize("UTC").dt.tz_convert(STORES)
    lines["month"] = at_the_store.dt.tz_localize(None).dt.to_period("M")
    lines["cohort"] = lines.groupby("household_id")["month"].transform("min")
    lines["since"] = (lines["month"] - lines["cohort"]).map(lambda months: months.n)
    cells = lines.groupby(["cohort", "since"]).agg(
        customers=("household_id", "nunique"),
        orders=("basket_id", "nunique"),
        sales=("sales_value", "sum"),
    )
    cohorts = cells.index.get_level_values("cohort").unique()
    everything = [(c, n) for c in cohorts for n in range((LAST_MONTH - c).n + 1)]
    cells = cells.reindex(pd.MultiIndex.from_tuples(everything), fill_value=0)
    sizes = cells["customers"].xs(0, level=1)
    cells["retained"] = cells["customers"] / cells.index.get_level_values(0).map(sizes)
    return {
        (str(cohort), since): (row.customers, row.orders, row.sales, row.retained)
        for (cohort, since), row in zip(cells.index, cells.itertuples(), strict=True)
    }


@pytest.fixture(scope="module")
def measured(house):
    found = house.query(
        """
        select
            strftime(cohort_month_date, '%Y-%m'), months_since,
            customer_count, order_count, sales_amount, retained_share
        from marts.rpt_cohort_retention
        where buyers = 'cohort'
        """
    )
    return {(cohort, since): tuple(figures) for cohort, since, *figures in found}


def test_every_cohort_has_every_month_up_to_the_night(measured, expected):
    assert set(measured) == set(expected)
    assert len(measured) > 80


def test_customers_orders_sales_and_shares_are_those_of_pandas(measured, expected):
    for cell, figures in expected.items():
        assert tuple(map(float, measured[cell])) == pytest.approx(figures, abs=0.005), cell


def test_month_nought_has_the_whole_cohort_and_cohorts_have_everybody(measured):
    starts = [figures for (_, since), figures in measured.items() if since == 0]
    assert {figures[3] for figures in starts} == {1.0}
    assert sum(figures[0] for figures in starts) == 2_469 + trade.ACCOUNTS + 1
