"""Two shops in one firm, of two vendors: nothing of the one is taken for something of the other.

And a second export of one of them: what it says of an order replaces what the first said.

Both have an order 1001, a customer 7 and an article 21, and one person bought in both by the same
address. What the shops have is that of `test_mappings`, with these numbers made to be the same.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from rapport.build import run
from rapport.settings import PROJECT_DIR, Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_all
from rapport.sources.pull import pull
from tests.integration.test_mappings import EXPORTS, shop_of

pytestmark = pytest.mark.slow

NIGHT = date(2025, 12, 1)
LATER = date(2025, 12, 2)
SAME_NUMBERS = {"#100": "100", "'850927072000": "'", ",MUG,": ",21,", "'1,Customer": "'7,Customer"}


class Firm:
    """Both shops, pulled once."""

    def __init__(self, home: Path):
        self.exports = home / "east"
        (home / "sources").mkdir()
        (home / "sources/east.yml").write_text("uses: shopify\npath: east\n")
        (home / "sources/west.yml").write_text("uses: woocommerce\n")
        copied(EXPORTS / "shopify", self.exports)
        self.urls = {"east": "", "west": f"sqlite:///{shop_of('woocommerce', home)}"}
        self.settings = Settings(
            home=home,
            project_dir=PROJECT_DIR,
            company="complete-journey",
            schedule=None,
            keep_releases=1,
            memory_limit="2GiB",
            threads=1,
        )
        project = self.settings.dbt_project_dir
        self.declared = Declared(()).with_mapped(*read_all([home / "sources"], home, project))
        self.pull(NIGHT)

    def pull(self, as_of: date) -> None:
        for name, url in self.urls.items():
            pull(
                name,
                Connection(name, url),
                as_of=as_of,
                landing_dir=self.settings.landing_dir,
                work_dir=self.settings.work_dir,
                declared=self.declared,
            )

    @contextmanager
    def built(self, as_of: date, *models: str) -> Iterator[Callable[[str], list[tuple]]]:
        """Yield what asks models as the night has them."""
        with (
            run.built_aside(self.settings, as_of, models, declared=self.declared) as path,
            duckdb.connect(str(path), read_only=True) as asked,
        ):
            yield lambda sql: asked.execute(sql).fetchall()


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    """Return what asks the marts of the firm's night."""
    firm = Firm(tmp_path_factory.mktemp("firm"))
    with firm.built(NIGHT, "dim_customers", "fct_orders", "fct_order_lines") as ask:
        yield ask


def copied(exports: Path, folder: Path) -> None:
    shutil.copytree(exports, folder)
    (folder / "expected.yml").unlink()
    for path in folder.iterdir():
        text = path.read_text()
        for number, same in SAME_NUMBERS.items():
            text = text.replace(number, same)
        path.write_text(text)


def test_the_shops_do_have_the_same_numbers(marts):
    for table, column in [("orders", "order_id"), ("order_lines", "product_id")]:
        ids = marts(f"select distinct source, {column} from canonical.canonical_{table}")
        own = Counter(id_.removeprefix(f"{source}:") for source, id_ in ids)
        assert own["1001" if table == "orders" else "21"] == 2
    contacts = marts("select distinct source, contact_id from canonical.canonical_contacts")
    assert {("east", "7"), ("west", "7")} <= set(contacts)


def test_each_order_and_line_of_both_is_there_once(marts):
    assert marts("select count(*), count(distinct order_id) from marts.fct_orders") == [(16, 16)]
    assert marts(
        """
        select count(*), count(distinct (order_id, product_id, line_number)), sum(is_known::int)
        from (
            select *, order_id in (select order_id from marts.fct_orders) as is_known
            from marts.fct_order_lines
        )
        """
    ) == [(27, 27, 27)]


def test_orders_of_one_number_keep_their_own_buyer_day_and_amount(marts):
    orders = marts(
        """
        select order_id, order_date, channel, sales_amount
        from marts.fct_orders
        where order_id like '%:1001'
        order by order_id
        """
    )
    assert orders == [
        ("east:1001", date(2025, 10, 7), "web", Decimal("40.89")),
        # 23.90, of which a mug of 9.00 came back
        ("west:1001", date(2025, 10, 6), "web", Decimal("14.90")),
    ]


def test_who_bought_in_both_by_one_address_is_one_customer(marts):
    customers = marts(
        """
        select customer_id, count(distinct split_part(order_id, ':', 1)), count(*)
        from marts.fct_orders
        where customer_id is not null
        group by customer_id
        having count(distinct split_part(order_id, ':', 1)) > 1
        """
    )
    [(both, shops, orders)] = customers
    assert (shops, orders) == (2, 4)  # 1001 and 1003 here, 1001 and what came back of it there
    assert marts(f"select order_count from marts.dim_customers where customer_id = '{both}'") == [
        (3,)
    ]
    # customers 7 of both shops, and the record that the orders of the one bring along
    assert marts(
        f"""
        select source, source_record_id = '7'
        from intermediate.int_identity__contact_map
        where customer_id = '{both}'
        order by source, source_record_id = '7'
        """
    ) == [("east", False), ("east", True), ("west", True)]


def test_nobody_else_is_taken_for_another(marts):
    """Two of the one shop and three of the other; no number ties them."""
    assert marts("select count(*) from marts.dim_customers") == [(6,)]


def test_what_both_sold_is_what_the_firm_sold(marts):
    sold = dict(
        marts(
            """
            select split_part(order_id, ':', 1), sum(sales_amount)
            from marts.fct_orders
            group by all
            """
        )
    )
    assert sold == {
        # 40.89 + 79.20 + (25.00 - 5.00) + 52.50 + 29.90; one cancelled, one refunded, one free
        "east": Decimal("222.49"),
        # (23.90 - 9.00) + (50.00 - 10.00); two cancelled, one refunded
        "west": Decimal("54.90"),
    }
    lines = marts("select sum(sales_amount) from marts.fct_order_lines")
    assert lines == [(sum(sold.values()),)]


def test_postage_is_postage_whosever_it_is(marts):
    classes = marts(
        """
        select product_class, count(distinct split_part(order_id, ':', 1))
        from marts.fct_order_lines
        where product_id like '%:SHIPPING' or product_id like '%:REFUND' or product_id like '%:FEE%'
        group by product_class
        order by product_class
        """
    )
    assert classes == [("fee", 2), ("postage", 2), ("refund", 2)]


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    """Return what asks the streams of the next night, which has a second export of one shop."""
    firm = Firm(tmp_path_factory.mktemp("firm_of_two_nights"))  # marts hold the other's file open
    first = (firm.exports / "orders_export_1.csv").read_text().splitlines(keepends=True)
    again = [line for line in first if line.startswith(("Name,", "1003,"))]
    without = [line for line in again if "CAN-B" not in line]
    later = "".join(without).replace("partially_refunded", "refunded").replace("5.95", "29.75")
    (firm.exports / "orders_export_2.csv").write_text(later)
    customers = firm.exports / "customers_export.csv"
    taken_back = customers.read_text().replace("one@example.com,yes", "one@example.com,no")
    customers.write_text(taken_back)
    firm.pull(LATER)
    with firm.built(
        LATER, "canonical_orders", "canonical_order_lines", "canonical_consents"
    ) as ask:
        yield ask


def test_a_later_export_of_an_order_has_all_of_its_lines(streams):
    """A candle was taken off the order, and what was refunded in part is refunded as a whole."""
    order = "where order_id = 'east:1003'"
    assert streams(f"select order_status from canonical.canonical_orders {order}") == [
        ("refunded",)
    ]
    assert streams(
        f"""
        select product_id, sales_amount
        from canonical.canonical_order_lines
        {order}
        order by product_id
        """
    ) == [
        ("east:CAN-A", Decimal("10.00")),
        ("east:CAN-C", Decimal("10.00")),
        ("east:SHIPPING", Decimal("5.00")),
    ]


def test_orders_that_a_later_export_leaves_out_are_as_they_were(streams):
    lines = "select count(*) from canonical.canonical_order_lines where order_id <> 'east:1003'"
    assert streams(lines) == [(27 - 5,)]


def test_a_yes_that_a_later_export_has_no_more_was_taken_back_and_a_no_from_the_first_is_none(
    streams,
):
    assert streams(
        """
        select contact_id, channel, action, evidence, occurred_at::date
        from canonical.canonical_consents
        order by all
        """
    ) == [
        ("3", "sms", "grant", "record", NIGHT),
        ("7", "email", "grant", "record", NIGHT),
        ("7", "email", "withdraw", "explicit", LATER),
    ]
