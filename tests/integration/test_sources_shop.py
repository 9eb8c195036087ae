"""The shop's rows that no cursor shows: deleted ones, and those entered with an old date."""

import sqlite3
from contextlib import closing
from datetime import date

import pytest

from rapport.sources.connection import Connection

FIRST, SECOND, THIRD = date(2017, 12, 31), date(2018, 1, 1), date(2018, 1, 2)
TABLES = """
create table customers (customer_id, email text, created_at text, updated_at text);
create table orders (order_id, customer_id, store_id, currency_code, ordered_at, updated_at text);
create table order_lines (order_id, product_id, quantity, sales_amount,
    retail_discount_amount, coupon_discount_amount, coupon_match_discount_amount, updated_at text);
create table products (product_id, manufacturer_id, department, brand, product_category,
    product_type, package_size, updated_at text);
create table coupons (coupon_upc, product_id, campaign_id, offer_type, valid_from, valid_until,
    updated_at text);
insert into customers select value, value || '@example.com', '2017-01-01 00:00:00',
    '2017-12-31 0' || value || ':00:00' from generate_series(1, 9);
insert into order_lines select 1, value, 1, 1.5, 0, 0, 0, '2017-12-31 0' || value || ':00:00'
    from generate_series(1, 9);
"""


@pytest.fixture
def shop(rapport, tmp_path):
    path = tmp_path / "own.sqlite"
    rapport.connections["shop"] = Connection("rapport_shop", f"sqlite:///{path}")

    def run(script):
        with closing(sqlite3.connect(path)) as database:
            database.executescript(script.replace("generate_series(1, 9)", NINE))
            database.commit()

    run(TABLES)
    return run


NINE = "(with recursive s(value) as (select 1 union all select value + 1 from s where value < 9) select value from s)"  # noqa: E501


def test_a_shop_that_was_pulled_whole_is_only_counted(rapport, shop):
    assert rapport.reconcile(FIRST, "shop") == {"removals": 0, "source_totals": 5}
    totals = rapport.totals("shop", FIRST)
    assert totals["order_lines"] == (9, 9, "count")
    assert totals["coupons"] == (0, 0, "count")


def test_a_deleted_row_becomes_a_removal_under_all_columns_of_its_key(rapport, shop):
    rapport.reconcile(FIRST, "shop")
    shop(
        "delete from order_lines where product_id = 4; delete from customers where customer_id = 7"
    )
    rapport.reconcile(SECOND, "shop")
    assert sorted(rapport.rows("shop", "removals", "object_type, id, noticed_on")) == [
        ("customers", "7", str(SECOND)),
        ("order_lines", '["1","4"]', str(SECOND)),
    ]
    assert rapport.totals("shop", SECOND)["order_lines"] == (8, 8, "listing")
    rapport.reconcile(THIRD, "shop")
    assert rapport.totals("shop", THIRD)["order_lines"] == (8, 8, "count")
    assert len(rapport.rows("shop", "removals")) == 2


def test_a_row_entered_with_an_old_date_is_landed(rapport, shop):
    rapport.reconcile(FIRST, "shop")
    shop("insert into order_lines values (2, 5, 1, 'cheap', 0, 0, 0, '2017-03-01 00:00:00')")
    assert rapport.reconcile(SECOND, "shop")["order_lines"] == 1
    found = rapport.rows("shop", "order_lines", "order_id, product_id, sales_amount")
    assert ("2", "5", "cheap") in found
    assert rapport.totals("shop", SECOND)["order_lines"] == (10, 10, "listing")


def test_a_row_that_comes_back_is_landed_again(rapport, shop):
    rapport.reconcile(FIRST, "shop")
    shop("delete from customers where customer_id = 7")
    rapport.reconcile(SECOND, "shop")
    shop("insert into customers values (7, 'x', '2017-01-01 00:00:00', '2017-02-01 00:00:00')")
    assert rapport.reconcile(THIRD, "shop")["customers"] == 1
    assert rapport.totals("shop", THIRD)["customers"] == (9, 9, "listing")


def test_an_order_of_which_a_line_changed_is_pulled_with_all_its_lines(rapport, shop):
    """So the newest load has every line of one article, and can replace them together."""
    rapport.reconcile(FIRST, "shop")
    shop(
        "insert into order_lines select 2, product_id, 1, 2.5, 0, 0, 0, '2017-12-01 09:00:00' "
        "from order_lines where product_id < 4; "
        "update order_lines set updated_at = '2018-01-01 12:00:00' "
        "where order_id = 2 and product_id = 1"
    )
    rapport.reconcile(SECOND, "shop")
    second = rapport.rows("shop", "order_lines", "product_id, _dlt_load_id, order_id")
    assert sorted(row[0] for row in second if row[2] == "2") == ["1", "2", "3"]


def test_two_lines_of_one_article_are_pulled_and_counted_under_one_key(rapport, shop):
    shop("insert into order_lines values (1, 5, 1, 9, 0, 0, 0, '2017-12-31 05:00:00')")
    rapport.reconcile(FIRST, "shop")
    assert rapport.totals("shop", FIRST)["order_lines"] == (9, 9, "count")
    assert len(rapport.rows("shop", "order_lines")) == 10


def test_columns_that_a_shop_may_have_are_landed_where_it_has_them(rapport, shop):
    shop(
        "alter table orders add column status; alter table order_lines add column line_id; "
        "insert into orders "
        "values (1, 1, 's', 'USD', '2017-12-31', '2017-12-31 01:00:00', 'void'); "
        "update order_lines set line_id = 'L' || product_id"
    )
    rapport.reconcile(FIRST, "shop")
    assert rapport.rows("shop", "orders", "order_id, status") == [("1", "void")]
    assert ("L9",) in rapport.rows("shop", "order_lines", "line_id")


class TestColumnsThatNobodyDeclared:
    """A shop's table is not made for us, and whatever it has beside must not be in the way."""

    def test_may_be_called_as_what_we_call_our_own(self, rapport, shop):
        for name in ("id", "whole", "said", "load_date", "_dlt_load_id"):
            shop(f"alter table customers add column {name} text")
            shop(f"update customers set {name} = 'own ' || customer_id")
        shop("delete from customers where customer_id = 1")
        rapport.reconcile(FIRST, "shop")
        shop("delete from customers where customer_id = 7")
        rapport.reconcile(SECOND, "shop")
        assert rapport.rows("shop", "removals", "object_type, id") == [("customers", "7")]
        assert ("own 9",) in rapport.rows("shop", "customers", "load_date_2")
        week_later = date(2018, 1, 8)
        pulled = rapport.night(week_later, "shop_catalog")["customers"]
        assert rapport.reconcile(week_later, "shop") == {"removals": 0, "source_totals": 5}
        assert pulled == 7
        assert rapport.totals("shop", week_later)["customers"] == (7, 7, "everything")

    def test_land_each_though_their_letters_are_not_ours(self, rapport, shop):
        for name in ("Customer ID", "E-Mail", "e mail", "名前", "住所", "order", "group"):
            shop(
                f"""alter table customers add column "{name}"; update customers set "{name}" = 1"""
            )
        rapport.reconcile(FIRST, "shop")
        assert len(rapport.rows("shop", "customers", "email, e_mail, e_mail_2, customer_id_2")) == 9
        assert sorted(rapport.rows("shop", "customers", "customer_id"))[0] == ("1",)

    def test_stay_where_they_are_if_they_hold_bytes(self, rapport, shop):
        shop("alter table customers add column photo blob; update customers set photo = x'ff00'")
        rapport.reconcile(FIRST, "shop")
        assert len(rapport.rows("shop", "customers")) == 9


def test_a_row_without_a_key_is_landed_and_is_no_record_to_count_or_remove(rapport, shop):
    shop("insert into customers values (null, 'x', '2017-01-01', '2017-12-31 01:00:00')")
    rapport.reconcile(FIRST, "shop")
    assert (None, "x") in rapport.rows("shop", "customers", "customer_id, email")
    assert rapport.totals("shop", FIRST)["customers"] == (9, 9, "count")
    shop("delete from customers where customer_id = 7")
    rapport.reconcile(SECOND, "shop")
    assert rapport.rows("shop", "removals", "id") == [("7",)]
    assert rapport.totals("shop", SECOND)["customers"] == (8, 8, "listing")


class TestAValueThatChangedWithoutItsTime:
    """Once a week all that the shop says is compared."""

    WEEK_LATER, YET_A_WEEK = date(2018, 1, 7), date(2018, 1, 14)

    @pytest.fixture(autouse=True)
    def old_rows(self, rapport, shop):
        shop(
            "insert into customers values (40, 'old', '2016-01-01', '2016-01-01 09:00:00');"
            "insert into order_lines select order_id + 10, product_id, 1, 2, 0, 0, 0, '2016-01-01' "
            "from order_lines where product_id < 4"
        )
        rapport.reconcile(FIRST, "shop")

    def test_is_landed_within_a_week(self, rapport, shop):
        shop("update customers set email = 'new' where customer_id = 40")
        rapport.reconcile(THIRD, "shop")
        assert ("new",) not in rapport.rows("shop", "customers", "email")
        assert rapport.reconcile(self.WEEK_LATER, "shop")["customers"] == 1
        assert ("new",) in rapport.rows("shop", "customers", "email")
        assert rapport.totals("shop", self.WEEK_LATER)["customers"] == (10, 10, "everything")

    def test_and_then_no_more_until_something_changes_again(self, rapport, shop):
        shop("update customers set email = null where customer_id = 40")
        assert rapport.reconcile(self.WEEK_LATER, "shop")["customers"] == 1
        later = rapport.reconcile(self.YET_A_WEEK, "shop")
        assert later == {"removals": 0, "source_totals": 5}

    def test_costs_all_the_lines_of_its_order_and_of_no_other(self, rapport, shop):
        shop("update order_lines set quantity = 5 where order_id = 11 and product_id = 2")
        assert rapport.reconcile(self.WEEK_LATER, "shop")["order_lines"] == 3

    def test_leaves_alone_orders_of_which_a_line_was_deleted(self, rapport, shop):
        shop("delete from order_lines where order_id = 11 and product_id = 2")
        landed = rapport.reconcile(self.WEEK_LATER, "shop")
        assert landed == {"removals": 1, "source_totals": 5}
        assert rapport.reconcile(self.YET_A_WEEK, "shop")["removals"] == 0

    def test_and_a_column_that_the_shop_has_since_lately_is_landed_of_all_rows(self, rapport, shop):
        shop("alter table customers add column tier text; update customers set tier = 'gold'")
        rapport.reconcile(self.WEEK_LATER, "shop")
        assert ("40", "gold") in rapport.rows("shop", "customers", "customer_id, tier")
