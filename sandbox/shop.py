"""The shop's database: every table with its whole future, and views that stop at the clock."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb

from sandbox import leads
from sandbox.clock import LAST_INSTANT, parse_instant, shop_time
from sandbox.households import Household, campaigns, households

NEVER = "9999-12-31 00:00:00"
# The products were there before the first customer, and were not all entered at one instant: a
# pull that starts from the newest one would otherwise read all of them again every night.
CATALOGUE_TIME = (
    "strftime(timestamp '2016-01-01' + to_minutes(product_id * 7919 % 400000), '%Y-%m-%d %H:%M:%S')"
)

# The tables hold what will ever be; the views of the customary names hold what is. `replaced_at`
# is when a newer version of the customer takes over.
SCHEMA = """
create table _clock (now text not null);
create table _customers (
    customer_id integer not null, email text not null, created_at text not null,
    updated_at text not null, replaced_at text not null,
    primary key (customer_id, updated_at)
);
create table _orders (
    order_id integer primary key, customer_id integer, store_id integer not null,
    currency_code text not null, ordered_at text not null, updated_at text not null,
    status text, returned_order_id integer
);
create table _order_lines (
    order_id integer not null, product_id integer not null, quantity numeric not null,
    sales_amount real not null, retail_discount_amount real not null,
    coupon_discount_amount real not null, coupon_match_discount_amount real not null,
    updated_at text not null, quantity_unit text, line integer not null,
    primary key (order_id, product_id, line)
) without rowid;
create table _products (
    product_id integer primary key, manufacturer_id integer, department text, brand text,
    product_category text, product_type text, package_size text, updated_at text not null
);
create table _coupons (
    coupon_upc integer not null, product_id integer not null, campaign_id integer not null,
    offer_type text not null, valid_from text not null, valid_until text not null,
    updated_at text not null,
    primary key (coupon_upc, product_id, campaign_id)
) without rowid;
"""
COLUMNS = {
    "customers": "customer_id, email, created_at, updated_at",
    "orders": "order_id, customer_id, store_id, currency_code, ordered_at, updated_at, "
    "status, returned_order_id",
    "order_lines": "order_id, product_id, quantity, sales_amount, retail_discount_amount, "
    "coupon_discount_amount, coupon_match_discount_amount, updated_at, quantity_unit",
    "products": "product_id, manufacturer_id, department, brand, product_category, product_type, "
    "package_size, updated_at",
    "coupons": "coupon_upc, product_id, campaign_id, offer_type, valid_from, valid_until, "
    "updated_at",
}
NOW = "(select now from _clock)"

# Money is rounded to cents: twenty lines of the data set carry dust such as 1.8e-15.
ORDER_LINES = """
select
    basket_id, product_id, quantity,
    round(sales_value, 2), round(retail_disc, 2), round(coupon_disc, 2),
    round(coupon_match_disc, 2),
    strftime(transaction_timestamp, '%Y-%m-%d %H:%M:%S'), null, 0
from transactions
order by basket_id, product_id
"""
ORDERS = """
select distinct
    basket_id, household_id, store_id, 'USD',
    strftime(transaction_timestamp, '%Y-%m-%d %H:%M:%S'),
    strftime(transaction_timestamp, '%Y-%m-%d %H:%M:%S'), null, null
from transactions
order by basket_id
"""
PRODUCTS = f"""
select
    product_id, manufacturer_id, department, brand, product_category, product_type, package_size,
    {CATALOGUE_TIME}
from products
order by product_id
"""
COUPONS = """
select
    coupon_upc, product_id, campaign_id, campaign_type,
    strftime(start_date, '%Y-%m-%d %H:%M:%S'), strftime(end_date, '%Y-%m-%d %H:%M:%S')
from coupons inner join campaign_descriptions using (campaign_id)
order by coupon_upc, product_id, campaign_id
"""


def build(path: Path, data: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write the shop's database and return the rows of each table."""
    shop = create(path)
    for table, query in (("orders", ORDERS), ("order_lines", ORDER_LINES), ("products", PRODUCTS)):
        write(shop, {table: _batched(data.execute(query))})
    ready = {campaign.number: shop_time(campaign.created) for campaign in campaigns(data)}
    coupons = data.execute(COUPONS).fetchall()
    everybody = households(data)
    customers = [version for household in everybody for version in _customer(household)]
    if len(everybody) >= leads.LEAST:
        write(shop, leads.book().shop)
    write(shop, {"coupons": [(*row, ready[row[2]]) for row in coupons], "customers": customers})
    return finish(shop)


def create(path: Path) -> sqlite3.Connection:
    """Make the tables; the clock stands at the end of the last night."""
    shop = sqlite3.connect(path)
    shop.executescript("pragma journal_mode = off; pragma synchronous = off;" + SCHEMA)
    shop.execute("insert into _clock values (?)", [shop_time(parse_instant(LAST_INSTANT))])
    return shop


def write(shop: sqlite3.Connection, tables: Mapping[str, Iterable[tuple[object, ...]]]) -> None:
    """Add rows to the tables that stand under the views; customers have ``replaced_at`` too."""
    for table, rows in tables.items():
        (places,) = shop.execute(
            "select count(*) from pragma_table_info(?)", [f"_{table}"]
        ).fetchone()
        shop.executemany(f"insert into _{table} values ({', '.join('?' * places)})", rows)


def finish(shop: sqlite3.Connection) -> dict[str, int]:
    """Make the views and indexes, close the database, and return the rows of each view."""
    for table, columns in COLUMNS.items():
        shop.execute(f"create index {table}_by_updated_at on _{table} (updated_at)")
        current = f" and replaced_at >= {NOW}" if table == "customers" else ""
        shop.execute(
            f"create view {table} as select {columns} from _{table} where updated_at < {NOW}"
            + current
        )
    shop.execute("analyze")
    shop.commit()
    counts = {
        f"shop.{table}": shop.execute(f"select count(*) from {table}").fetchone()[0]
        for table in COLUMNS
    }
    shop.close()
    return counts


def _customer(household: Household) -> Iterator[tuple[int, str, str, str, str]]:
    """Yield the versions of a customer: one, or two when the e-mail address changed."""
    created = shop_time(household.known_since)
    moved = household.moved_mail_at
    replaced = shop_time(moved) if moved else NEVER
    yield household.number, household.person.email, created, created, replaced
    if moved:
        yield household.number, household.person.second_email, created, replaced, NEVER


def _batched(rows: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    while batch := rows.fetchmany(50_000):
        yield from batch
