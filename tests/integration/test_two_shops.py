"""Two shops in one firm, of two vendors: nothing of the one is taken for something of the other.

Both have an order 1001, a customer 7 and an article 21, and one person bought in both by the same
address. What the shops have is that of `test_mappings`, with these numbers made to be the same.
"""

import shutil
from collections import Counter
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
SAME_NUMBERS = {"#100": "100", "'850927072000": "'", ",MUG,": ",21,", "'1,Customer": "'7,Customer"}


@pytest.fixture(scope="module")
def marts(tmp_path_factory):
    """Return what asks the marts of the firm's night."""
    home = tmp_path_factory.mktemp("firm")
    (home / "sources").mkdir()
    (home / "sources/east.yml").write_text("uses: shopify\npath: east\n")
    (home / "sources/west.yml").write_text("uses: woocommerce\n")
    copied(EXPORTS / "shopify", home / "east")
    settings = Settings(
        home=home,
        project_dir=PROJECT_DIR,
        company="complete-journey",
        schedule=None,
        keep_releases=1,
        memory_limit="2GiB",
        threads=1,
    )
    sources = read_all([home / "sources"], home, settings.dbt_project_dir)
    declared = Declared(()).with_mapped(*sources)
    urls = {"east": "", "west": f"sqlite:///{shop_of('woocommerce', home)}"}
    for source in sources:
        pull(
            source.name,
            Connection(source.name, urls[source.name]),
            as_of=NIGHT,
            landing_dir=settings.landing_dir,
            work_dir=settings.work_dir,
            declared=declared,
        )
    models = ["dim_customers", "fct_orders", "fct_order_lines"]
    with (
        run.built_aside(settings, NIGHT, models, declared=declared) as path,
        duckdb.connect(str(path), read_only=True) as asked,
    ):
        yield lambda sql: asked.execute(sql).fetchall()


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
