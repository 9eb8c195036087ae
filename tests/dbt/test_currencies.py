"""A firm that sells in pounds, and then mostly in euros: what its values are in."""

import shutil
from decimal import Decimal

import pytest

from tests.dbt.differences import differences
from tests.dbt.landing_fixture import land
from tests.dbt.two_nights import _contact, _customer, _line, _object, _order, _product, _tied

WITHOUT_TESTS = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
FIRST, SECOND = "2017-03-01", "2017-03-02"
# What goes on from the night before and what is asked here; all else is made anew of these.
MONEY = (
    "--select",
    "+config.materialized:incremental",
    *(f"+{mart}" for mart in ("rpt_pipeline", "rpt_currency_months", "currencies")),
)
# Of the dollars only what is left out of them is asked; with rates the data tests run as well.
BUILT_OF = {
    "dollars": ("--select", "+currencies", *WITHOUT_TESTS),
    "rates": (*MONEY, "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
}
# What a firm says of its euros; of those of March it says nothing.
RATES = [
    {"month": "2017-01", "currency": "EUR", "rate": 0.5},
    {"month": "2017-02", "currency": "EUR", "rate": 0.8},
]


def sold(order_id: str, customer: int, at: str, currency: str) -> dict[str, object]:
    return {**_order(order_id, customer, at), "currency_code": currency}


def deal(deal_id: str, opened_at: str, amount: str, currency: str) -> dict[str, object]:
    return _object(
        deal_id,
        opened_at,
        pipeline="default",
        dealstage="qualifiedtobuy",
        createdate=opened_at,
        amount=amount,
        deal_currency_code=currency,
    )


DEALS = [
    deal("d1", "2017-02-03T10:00:00Z", "100", "EUR"),
    deal("d2", "2017-02-04T10:00:00Z", "30", "GBP"),
    # no rate of its month, though there is one of January
    deal("d3", "2016-12-05T10:00:00Z", "7", "EUR"),
]


def land_night(landing, night: str, orders: list[dict[str, object]]) -> None:
    """Orders of ten each, with everything around them that makes months without any order."""
    letters = [
        _object(f"letter{night}", "2017-01-20T10:00:00Z", hs_email_direction="INCOMING_EMAIL")
    ]
    land(
        landing,
        "shop",
        night,
        f"S{night}",
        {
            "customers": [_customer(1, "ann@example.com"), _customer(2, "bo@example.com")],
            "orders": orders,
            "order_lines": [_line(str(order["order_id"]), "p1", 1, "10.00") for order in orders],
            "products": [_product("p1", "BREAD")],
        },
    )
    land(
        landing,
        "hubspot",
        night,
        f"H{night}",
        {
            "contacts": [
                _contact("h2", "2", "bo@example.com"),
                _contact("h3", None, "buys.nothing@example.com"),
            ],
            "emails": letters,
            "deals": DEALS,
            "associations": [_tied("emails", f"letter{night}", ["h2"], night)],
        },
    )
    land(landing, "klaviyo", night, f"K{night}", {})


FIRST_ORDERS = [
    sold("g1", 1, "2016-12-10 10:00:00", "GBP"),
    sold("g2", 1, "2017-02-10 10:00:00", "GBP"),
    sold("g3", 2, "2017-02-11 10:00:00", "GBP"),
    sold("e1", 1, "2017-02-12 10:00:00", "EUR"),
    sold("e2", 1, "2017-03-01 10:00:00", "EUR"),
]


@pytest.fixture(scope="module")
def nights(tmp_path_factory, warehouse):
    """One night in pounds; with rates; and as a firm would see it that reports in dollars."""
    folder = tmp_path_factory.mktemp("currencies")
    landing = folder / "landing"
    land_night(landing, FIRST, FIRST_ORDERS)
    built = {}
    for name, policies in {
        "pounds": {},
        "rates": {"reporting_currency": "GBP", "currency_rates": RATES},
        "dollars": {"reporting_currency": "USD"},
    }.items():
        (folder / name).mkdir()
        built[name] = warehouse(folder / name, landing, **policies)
        done = built[name].build(FIRST, *BUILT_OF.get(name, (*MONEY, *WITHOUT_TESTS)))
        assert done.success, done.failures()
        built[name].close_build(FIRST)
    return built


@pytest.fixture(scope="module")
def turned(nights, tmp_path_factory, warehouse):
    """Upon the night in pounds the one that makes them euros; and that one from scratch."""
    folder = tmp_path_factory.mktemp("turned")
    landing = folder / "landing"
    shutil.copytree(nights["pounds"].landing, landing)
    land_night(landing, SECOND, [sold(f"n{n}", 2, "2017-03-01 12:00:00", "EUR") for n in range(3)])
    built = {}
    for name in ("continued", "scratch"):
        (folder / name).mkdir()
        built[name] = warehouse(folder / name, landing)
    shutil.copy(nights["pounds"].path, built["continued"].path)
    for night in built.values():
        done = night.build(SECOND, *MONEY, *WITHOUT_TESTS)
        assert done.success, done.failures()
    return built


VALUES = """
select currency_code, order_count, other_currency_order_count, sales_amount
from marts.dim_customer_value
where first_order_date is not null
order by sales_amount
"""


def test_a_firm_that_sells_in_pounds_has_its_values_in_pounds(nights):
    pounds = nights["pounds"].rows(VALUES)
    assert pounds == [("GBP", 1, 0, Decimal(10)), ("GBP", 4, 2, Decimal(20))]
    for mart in ("rpt_channel_months", "rpt_cohort_retention", "fct_customer_months"):
        sums = f"select distinct currency_code from marts.{mart}"
        assert nights["pounds"].rows(sums) == [("GBP",)], mart
        total = nights["pounds"].rows(f"select sum(sales_amount) from marts.{mart}")
        assert total == [(Decimal(30),)], mart


def test_other_currencies_are_converted_where_the_firm_has_a_rate_of_the_month(nights):
    assert nights["rates"].rows(VALUES) == [
        ("GBP", 1, 0, Decimal(10)),
        ("GBP", 4, 1, Decimal(28)),
    ]
    months = nights["rates"].rows(
        "select month_date::varchar, currency_code, reporting_rate, order_count, "
        "reporting_sales_amount from marts.rpt_currency_months order by all"
    )
    assert [row for row in months if row[1] == "EUR"] == [
        ("2017-02-01", "EUR", Decimal("0.8"), 1, Decimal(8)),
        ("2017-03-01", "EUR", None, 1, None),
    ]


def test_deals_are_converted_by_the_same_rates_as_orders(nights):
    asked = (
        "select deal_id, deal_amount, currency_code, reporting_rate, reporting_deal_amount "
        "from marts.fct_deals order by all"
    )
    assert nights["rates"].rows(asked) == [
        ("d1", Decimal(100), "EUR", Decimal("0.8"), Decimal(80)),
        ("d2", Decimal(30), "GBP", Decimal(1), Decimal(30)),
        ("d3", Decimal(7), "EUR", None, None),
    ]
    pipeline = (
        "select sum(entered_count), sum(other_currency_deal_count), sum(entered_amount), "
        "max(open_amount) from marts.rpt_pipeline"
    )
    assert nights["rates"].rows(pipeline) == [(3, 1, Decimal(110), Decimal(110))]
    assert nights["pounds"].rows(pipeline) == [(3, 2, Decimal(30), Decimal(30))]


def test_what_is_left_out_is_measured_for_the_gate(nights):
    asked = (
        "select reporting_currency_code, left_out_order_share, round(left_out_sales_share, 4), "
        "is_little_left_out, is_known from audit.currencies"
    )
    assert nights["dollars"].rows(asked) == [("USD", 1.0, 0.0, False, True)]
    # Two of five; nobody says what they are worth.
    assert nights["pounds"].rows(asked) == [("GBP", 0.4, 0.0, False, True)]
    # One of five, at the rate of February 8 of 46.
    assert nights["rates"].rows(asked) == [("GBP", 0.2, round(8 / 46, 4), False, True)]
    of_deals = "select deal_count, left_out_deal_count, is_little_of_deals_left_out"
    assert nights["rates"].rows(f"{of_deals} from audit.currencies") == [(3, 1, False)]


@pytest.mark.slow  # another currency is another figure of every row, which is rebuilt as any is
def test_when_most_orders_are_in_another_currency_everything_is(turned):
    """Months without an order among it, and customers whose orders are old, or who have none."""
    assert {row[0] for row in turned["continued"].rows(VALUES)} == {"EUR"}
    assert turned["continued"].rows("select count(*) from marts.fct_customer_months") == [(6,)]
    assert differences(turned["continued"], turned["scratch"], "marts", "segments") == {}
