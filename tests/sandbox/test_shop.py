"""The shop database is one that any SQL source can read incrementally."""

import sqlite3
from contextlib import closing

import pytest

from sandbox import trade

VIEWS = {
    "customers": ["customer_id", "email", "created_at", "updated_at"],
    "orders": [
        "order_id",
        "customer_id",
        "store_id",
        "currency_code",
        "ordered_at",
        "updated_at",
        "status",
        "returned_order_id",
    ],
    "order_lines": [
        "order_id",
        "product_id",
        "quantity",
        "sales_amount",
        "retail_discount_amount",
        "coupon_discount_amount",
        "coupon_match_discount_amount",
        "updated_at",
        "quantity_unit",
    ],
    "products": [
        "product_id",
        "manufacturer_id",
        "department",
        "brand",
        "product_category",
        "product_type",
        "package_size",
        "updated_at",
    ],
    "coupons": [
        "coupon_upc",
        "product_id",
        "campaign_id",
        "offer_type",
        "valid_from",
        "valid_until",
        "updated_at",
    ],
}


@pytest.fixture
def shop(sandbox_server):
    with closing(sqlite3.connect(f"file:{sandbox_server.shop_path}?mode=ro", uri=True)) as database:
        yield database


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_has_its_columns_and_every_instant_is_spelt_alike(shop, view):
    rows = shop.execute(f"select * from {view} limit 500")
    columns = [column[0] for column in rows.description]
    assert columns == VIEWS[view]
    instants = [at for at, name in enumerate(columns) if name.endswith("_at") or "valid" in name]
    for row in rows:
        assert all(len(row[at]) == len("2017-01-01 00:00:00") for at in instants)


@pytest.mark.parametrize("view", VIEWS)
def test_an_incremental_query_walks_the_index(shop, view):
    plan = shop.execute(
        f"explain query plan select * from {view} where updated_at >= '2017-12-01' "
        "and updated_at < '2017-12-02' order by updated_at"
    ).fetchall()
    assert any(f"{view}_by_updated_at" in step[3] for step in plan), plan


def test_an_order_belongs_to_a_customer_and_a_line_to_an_order(shop):
    orphans = """
        select
            (select count(*) from orders where customer_id not in
                (select customer_id from customers)),
            (select count(*) from order_lines where order_id not in (select order_id from orders))
    """
    assert shop.execute(orphans).fetchone() == (0, 0)


def test_money_has_whole_cents(shop):
    dust = "select count(*) from order_lines where sales_amount <> round(sales_amount, 2)"
    assert shop.execute(dust).fetchone() == (0,)


def test_a_new_address_is_a_new_version_of_the_same_customer(full_company):
    with closing(sqlite3.connect(full_company.shop_path)) as shop:
        moved = shop.execute(
            "select count(*), count(distinct customer_id) from _customers "
            "where updated_at > created_at"
        ).fetchone()
        assert moved[0] == moved[1] >= 15
        assert shop.execute("select count(*) from customers").fetchone() == (
            2_469 + trade.ACCOUNTS,
        )


def test_the_added_orders_are_of_the_kinds_that_the_households_lack(full_company):
    with closing(sqlite3.connect(full_company.shop_path)) as shop:
        added = f"from orders where store_id = {trade.STORE}"
        lines = f"from order_lines where order_id in (select order_id {added})"
        assert shop.execute(f"select count(*) {added}").fetchone() == (len(trade.ORDERS),)
        for kind in (
            f"{added} and customer_id is null",
            f"{added} and customer_id not in (select customer_id from customers)",
            f"{added} and returned_order_id is not null",
            f"{added} and status = 'Cancelled'",
            f"{added} and currency_code <> 'USD'",
            f"{lines} and quantity < 0 and sales_amount < 0",
            f"{lines} and quantity_unit = 'kg'",
            f"{lines} and product_id in ('POST', 'VOUCHER')",
            f"{lines} group by order_id, product_id having count(*) > 1",
        ):
            assert shop.execute(f"select count(*) {kind}").fetchone()[0] > 0, kind
            of_others = kind.replace(f"store_id = {trade.STORE}", f"store_id <> {trade.STORE}")
            assert shop.execute(f"select count(*) {of_others}").fetchone() in ((0,), None), kind


def test_what_is_said_of_an_added_order_adds_up_with_its_lines():
    for number, order in enumerate(trade.ORDERS):
        sold = sum(amount for _, quantity, amount in order.lines if quantity > 0)
        assert order.gross == pytest.approx(sold), number
        assert order.returned <= order.gross or not sold, number
