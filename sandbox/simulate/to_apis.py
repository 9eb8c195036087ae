"""Write a simulated company where the look-alike APIs and the shop read: two SQLite databases."""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from sandbox import leads, schema, shop
from sandbox.simulate import automations, events, records, truth
from sandbox.simulate.company import Database, chunks, company
from sandbox.simulate.parameters import END, Parameters

BATCH = 50_000
RECORD = (
    "collection, id, valid_from, valid_until, created_at, modified_at, archived_at, body, related"
)
SHOP = {
    "customers": f"""
        select customer_id, email, shop_time(known_since), shop_time(known_since),
            coalesce(shop_time(if(moved_mail_at < {END}, moved_mail_at, null)), '{shop.NEVER}')
        from people
        union all
        select customer_id, second_email, shop_time(known_since), shop_time(moved_mail_at),
            '{shop.NEVER}'
        from people where moved_mail_at < {END}
        order by all
    """,
    "orders": "select order_id, customer_id, store_id, 'USD', shop_time(ms), shop_time(ms), "
    "null, null "
    "from orders order by order_id",
    "order_lines": "select order_id, product_id, quantity, sales_amount::double, "
    "retail_discount_amount::double, coupon_discount_amount::double, "
    "coupon_match_discount_amount::double, shop_time(ms), null, 0 "
    "from order_lines order by 1, 2",
}
SHOP_WIDE = {
    "products": "select product_id, manufacturer_id, department, brand, product_category, "
    "product_type, package_size, shop_time(updated_at) from products order by product_id",
    "coupons": "select coupon_upc, product_id, campaign_id::bigint, 'price offer', shop_time(ms), "
    "shop_time(valid_until), shop_time(created_at) from coupons order by 1, 2",
}


def build(folder: Path, p: Parameters) -> dict[str, int]:
    """Write ``crm.sqlite``, ``shop.sqlite`` and ``truth.duckdb``, and return their rows."""
    crm = sqlite3.connect(folder / "crm.sqlite")
    shop_database = shop.create(folder / "shop.sqlite")
    schema.create(crm)
    with company(p) as db:
        db.execute(f"attach '{folder / 'truth.duckdb'}' as truth")
        shop.write(shop_database, {t: _rows(db, query) for t, query in SHOP_WIDE.items()})
        schema.write(crm, schema.Record, _records(db, records.company_wide().values()))
        schema.write(crm, schema.Record, automations.records(p))
        for number in chunks(db, p):
            shop.write(shop_database, {t: _rows(db, query) for t, query in SHOP.items()})
            write_people(db, crm)
            keep_truth(db, p, number)
        if p.customers >= leads.LEAST:
            leads.write(crm, events.METRICS)
            shop.write(shop_database, leads.book().shop)
        keep_company_truth(db, p)
        db.execute("detach truth")
    counts = shop.finish(shop_database) | schema.finish(crm)
    crm.close()
    return counts


def write_people(
    db: Database,
    crm: sqlite3.Connection,
    leave_out: Iterable[str] = (),
    metrics: frozenset[str] | None = None,
) -> None:
    """Write the records, events, ties and preferences of the people that stand in the database.

    Args:
        db: with the tables of a chunk.
        crm: where to.
        leave_out: collections that somebody else writes.
        metrics: events of these only; None for all.
    """
    wanted = [query for name, query in records.collections().items() if name not in leave_out]
    schema.write(crm, schema.Record, _records(db, wanted))
    schema.write(
        crm,
        schema.Event,
        _rows(
            db,
            "select id, uuid, ms, visible_from, metric_id, profile_id, body "
            f"from ({events.query(metrics)}) order by ms, id",
        ),
    )
    for table, query in (
        (schema.Association, records.associations()),
        (schema.Redirect, records.redirects()),
        (schema.Subscription, records.subscriptions()),
        (schema.ListMember, records.list_members()),
        (schema.EmailEvent, automations.mail_events()),
    ):
        schema.write(crm, table, _rows(db, f"select * from ({query}) order by all"))


def keep_truth(db: Database, p: Parameters, number: int) -> None:
    """Add the truth about the people that stand in the database to the attached ``truth``."""
    for name, query in truth.of_people(p).items():
        verb = f"insert into truth.{name}" if number else f"create table truth.{name} as"
        db.execute(f"{verb} select * from ({query}) order by all")


def keep_company_truth(db: Database, p: Parameters) -> None:
    """Copy the truth about the whole company, and its leads, to the attached ``truth``."""
    truth.said(db, p.customers >= leads.LEAST)
    for name in truth.COMPANY_WIDE:
        db.execute(f"create table truth.{name} as select * from {name} order by all")


def _records(db: Database, queries: Iterable[str]) -> Iterator[tuple[object, ...]]:
    for query in queries:
        # A record of the future is not there yet: the clock of the sandbox goes up to its end.
        yield from _rows(
            db, f"select {RECORD} from ({query}) where valid_from < {END} order by id, valid_from"
        )


def _rows(db: Database, query: str) -> Iterator[tuple[object, ...]]:
    result = db.execute(query)
    while batch := result.fetchmany(BATCH):
        yield from batch
