"""The benchmark of a night's journeys: what it compares with what."""

from dataclasses import replace
from pathlib import Path

import duckdb

from benchmarks.night import journeys
from benchmarks.night.bare_journeys import BARE
from rapport.settings import PROJECT_DIR, Settings


def test_bare_queries_are_of_models_of_the_journey():
    models = {path.stem for path in (PROJECT_DIR / "dbt_project" / "models").glob("*/journey/*")}
    assert set(BARE) <= models


def test_the_ratio_is_of_all_models_and_not_only_of_those_with_bare_queries():
    taken = {"wall": 4.0, "cpu": 3.0, "peak": 2.0}
    table = journeys.report({"fct_journeys": taken, "other": taken}, {"fct_journeys": 2.0})
    assert "| fct_journeys | 4.0 | 3.0 | 2.0 | 2.0 | 1.5 |" in table
    assert table.endswith("| *all of the journey* | 8 | 6 | 2.0 | 2 | 3.0 |")


def test_a_copy_has_customers_of_its_own_and_keeps_what_belongs_together(tmp_path: Path):
    """Two customers become six: orders find their touchpoints, and tickets theirs."""
    small = tmp_path / "small.duckdb"
    with duckdb.connect(str(small)) as db:
        db.execute("create schema marts; create schema canonical")
        tables = {name: dict(columns) for name, columns in journeys.OF_PEOPLE.items()}
        tables["marts.fct_touchpoints"] = {**journeys.TOUCHPOINTS, "source": ""}
        dates = {"ordered_at", "closed_at", "first_replied_at", "occurred_at"}
        for table, columns in tables.items():
            made = ", ".join(
                f"{column} {_type(column, is_time=column in dates)}" for column in columns
            )
            db.execute(f"create table {table} ({made})")
        db.execute("create table marts.dim_customers as select unnest(['c', 'd']) as customer_id")
        db.execute(
            "create view canonical.canonical_web_events as select 'klaviyo' as source, "
            "'e' as event_id, 'p' as product_id, ['tea'] as categories, null as search_term"
        )
        db.execute(
            "create view canonical.canonical_message_events as select 'klaviyo' as source, "
            "'f' as event_id, 'https://shop.example/tea' as clicked_url"
        )
        db.execute("insert into marts.fct_orders (order_id, customer_id) values ('1', 'c')")
        db.execute("insert into marts.fct_tickets (ticket_id, customer_id) values ('7', 'd')")
        db.execute(
            "insert into marts.fct_touchpoints (source, touchpoint_id, customer_id, order_id) "
            "values ('shop', 'shop:1', 'c', '1'), "
            "('hubspot', 'hubspot:ticket:7:opened:d', 'd', '7')"
        )
    settings = replace(Settings.from_env(), home=tmp_path / "large", threads=1)
    settings.temp_dir.mkdir(parents=True)
    journeys.copy(small, settings, 6)
    with duckdb.connect(str(settings.warehouse_path)) as db:
        orders = db.sql(
            "select count(distinct customer_id) from marts.fct_orders "
            "inner join marts.fct_touchpoints using (order_id, customer_id)"
        )
        tickets = db.sql(
            "select count(distinct customer_id) from marts.fct_tickets as tickets "
            "inner join marts.fct_touchpoints as touchpoints using (customer_id) "
            "where split_part(touchpoints.touchpoint_id, ':', 3) = tickets.ticket_id"
        )
        assert (orders.fetchall(), tickets.fetchall()) == ([(3,)], [(3,)])
        (events,) = db.sql(
            "select count(distinct event_id) from canonical.canonical_web_events"
        ).fetchall()[0]
        assert events == 3


def _type(column: str, *, is_time: bool) -> str:
    if is_time:
        return "timestamp"
    return "date" if column.endswith("_date") else "varchar"
