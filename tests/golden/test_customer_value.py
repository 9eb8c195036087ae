"""BG/NBD and Gamma-Gamma on the CDNOW sample, from its purchases through the warehouse's models.

What is published counts every purchase, so the policy `value_least_purchase_amount` is 0 here:
eight of the customers bought once, for nothing.
"""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from benchmarks.value import firm
from rapport.settings import WAREHOUSE_FILE
from rapport.value import bg_nbd, gamma_gamma

PURCHASES = f"""
    select
        substr(line, 8, 4) as customer_id,
        cast(strptime(substr(line, 13, 8), '%Y%m%d') as date) as order_date,
        cast(trim(substr(line, 24)) as decimal(18, 2)) as amount
    from read_csv(
        '{Path(__file__).parent / "cdnow" / "CDNOW_sample.txt"}',
        header = false, columns = {{'line': 'varchar'}}, delim = '|'
    )
"""
LAST = "1997-09-30"


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Return a function that asks the warehouse of CDNOW, as of the end of the calibration."""
    folder = tmp_path_factory.mktemp("cdnow")
    firm.warehouse(folder, PURCHASES)
    firm.value(folder, LAST, value_least_purchase_amount=0)
    with duckdb.connect(str(folder / WAREHOUSE_FILE)) as connection:
        yield lambda query: connection.sql(query).fetchall()


@pytest.fixture(scope="module")
def orders(ask):
    return bg_nbd.Parameters(**estimates(ask, "orders"))


def estimates(ask, model: str) -> dict[str, float]:
    return dict(
        ask(f"select parameter, estimate from marts.rpt_value_parameters where model = '{model}'")
    )


def test_repeat_purchases_are_days_not_calendar_weeks(ask):
    assert ask(
        "select count(*), sum(repeat_count) from intermediate.int_value__buyers "
        "where span = 'whole'"
    ) == [(2357, 2457)]
    by_week = "count(distinct date_trunc('week', purchase_date)) - 1 as again"
    assert ask(
        f"select sum(again) from (select {by_week} from intermediate.int_value__purchases "
        "group by customer_id)"
    ) == [(2216,)]


def test_orders_are_fitted_as_published(ask, orders):
    assert orders == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=0.0006)
    [(likelihood, customers, cells)] = ask(
        "select log_likelihood, customer_count, cell_count from marts.rpt_value_model "
        "where model = 'orders'"
    )
    assert likelihood == pytest.approx(-9582.43, abs=0.01)
    assert (customers, cells < 1100) == (2357, True)


def test_a_customer_is_expected_to_buy_as_often_as_published(orders):
    """Customer 1: two repeats, the last after 213 days of 272; in the 39 weeks held out, 1.226."""
    one = bg_nbd.Cells(*(np.array([each]) for each in (2, 213, 272, 1)), ticks=7)
    ahead = bg_nbd.Ahead(orders, one)
    assert ahead.expected(39.0) == pytest.approx([1.226], abs=0.0005)


def test_what_a_customer_is_told_is_what_the_model_says(ask, orders):
    one = bg_nbd.Cells(*(np.array([each]) for each in (2, 213, 272, 1)), ticks=7)
    ahead = bg_nbd.Ahead(orders, one)
    [told] = ask(
        "select p_alive, expected_orders_90d, expected_orders_90d_low, expected_orders_90d_high, "
        "expected_order_value from marts.dim_customer_value where customer_id = '0001'"
    )
    spend = gamma_gamma.Parameters(**estimates(ask, "spend"))
    mean = (spend.v + 29.73 + 14.96) * gamma_gamma.mean_factor(spend, np.array([2]))
    assert [float(each) for each in told] == pytest.approx(
        [
            *ahead.alive,
            *ahead.expected(90 / 7),
            *ahead.quantile(90 / 7, 0.025),
            *ahead.quantile(90 / 7, 0.975),
            *mean,
        ],
        abs=5e-4,
    )


def test_spend_is_fitted_as_published(ask):
    found = estimates(ask, "spend")
    assert (found["p"], found["q"]) == pytest.approx((6.25, 3.74), abs=0.006)
    # 15.44 is published; of means rounded to cents, as the published summary has them, 15.4477
    assert found["v"] == pytest.approx(15.4435, abs=0.001)


def test_spend_of_means_rounded_to_cents_has_its_maximum_a_little_further_on(ask):
    counts, amounts = np.array(
        ask(
            "select spend_count, spend_amount from intermediate.int_value__buyers "
            "where span = 'whole' and spend_count > 0 order by customer_id"
        )
    ).T
    means = np.floor(amounts / counts * 100 + 0.5) / 100
    rounded = gamma_gamma.Spenders(
        counts.astype(int), counts * means, np.ones(len(counts), dtype=int)
    )
    assert gamma_gamma.fit(rounded).parameters[2] == pytest.approx(15.4477, abs=0.001)


def test_frequency_and_spend_go_together_as_little_as_published(ask):
    assert ask(
        "select round(spend_frequency_correlation, 2), verdict from marts.rpt_value_model "
        "where model = 'spend'"
    ) == [(0.11, "usable")]
