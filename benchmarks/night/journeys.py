"""What the customer journey costs on a large company: ``python -m benchmarks.night.journeys``.

Takes the warehouse of a small simulated company, as ``python -m benchmarks.night --customers 5000``
leaves it, and copies its customers until there are enough: tables that the models of the journey
read, with the columns that they read. Each copy has ids of its own, lies up to four weeks
earlier, and misses one touchpoint in twenty, another one in each, so that no two walk the same
path. Then it builds all models of the journey on the copies, as a night does, and runs the bare
queries that they rest on. No landing is needed, and nothing before the journey is built.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import duckdb

from benchmarks.night.__main__ import bare_seconds
from benchmarks.night.bare_journeys import BARE
from rapport.settings import PROJECT_DIR, Settings

MODELS = (
    "path:seeds/journey_stages.csv",
    "path:seeds/journey_conversions.csv",
    "path:models/intermediate/journey",
    "path:models/marts/journey",
)

# What is of somebody is somebody else's in each copy; of the first it stays as it was.
COPY = """
create temporary table copies as select cast(range as integer) as copy from range({copies});
create temporary table people as
select
    customer_id as old_id,
    copy,
    case when copy = 0 then customer_id else md5(customer_id || '-' || copy) end as new_id,
    case when copy = 0 then 0 else cast(hash(customer_id, copy) % 28 as integer) end as earlier,
    case when copy = 0 then '' else '-' || copy end as suffix
from marts.dim_customers cross join copies;
"""

# table, its condition, what each column becomes; `p` is the customer's copy and `t` the row
OF_PEOPLE: dict[str, dict[str, str]] = {
    "marts.fct_orders": {
        "order_id": "t.order_id || p.suffix",
        "customer_id": "p.new_id",
        "ordered_at": "t.ordered_at - to_days(p.earlier)",
        "order_date": "t.order_date - p.earlier",
        "is_kept": "t.is_kept",
        "reporting_sales_amount": "t.reporting_sales_amount",
    },
    "marts.fct_order_lines": {
        "customer_id": "p.new_id",
        "order_date": "t.order_date - p.earlier",
        "product_id": "t.product_id",
        "is_return": "t.is_return",
        "status": "t.status",
    },
    "marts.fct_deals": {
        "deal_id": "t.deal_id || p.suffix",
        "customer_id": "p.new_id",
        "owner_id": "t.owner_id",
        "outcome": "t.outcome",
        "closed_at": "t.closed_at - to_days(p.earlier)",
        "reporting_deal_amount": "t.reporting_deal_amount",
    },
    "marts.fct_tickets": {
        "ticket_id": "t.ticket_id || p.suffix",
        "customer_id": "p.new_id",
        "category": "t.category",
        "priority": "t.priority",
        "sentiment": "t.sentiment",
        "opened_date": "t.opened_date - p.earlier",
        "first_replied_at": "t.first_replied_at - to_days(p.earlier)",
        "first_response_hours": "t.first_response_hours",
        "open_hours": "t.open_hours",
        "is_closed": "t.is_closed",
        "is_reopened": "t.is_reopened",
    },
    "marts.fct_control_draws": {
        "campaign_id": "t.campaign_id",
        "customer_id": "p.new_id",
        "occurred_at": "t.occurred_at",
        "draw_date": "t.draw_date",
    },
    "marts.fct_campaign_recipients": {
        "campaign_id": "t.campaign_id",
        "customer_id": "p.new_id",
        "reached_at": "t.reached_at",
        "reached_date": "t.reached_date",
        "is_reached": "t.is_reached",
    },
    "marts.dim_customer_relationships": {
        "customer_id": "p.new_id",
        "relationship_type": "t.relationship_type",
    },
    "marts.dim_preferences": {
        "customer_id": "p.new_id",
        "wants_relationship": "t.wants_relationship",
        "declared_relationship": "t.declared_relationship",
        "unwanted_topics": "t.unwanted_topics",
        "withdrawn_topics": "t.withdrawn_topics",
        "withdrawn_email_topics": "t.withdrawn_email_topics",
    },
}
TOUCHPOINTS = {
    "touchpoint_id": """case
        when t.touchpoint_id like 'hubspot:ticket:%'
            then 'hubspot:ticket:' || split_part(t.touchpoint_id, ':', 3) || p.suffix || ':'
                || split_part(t.touchpoint_id, ':', 4) || ':' || p.new_id
        else replace(t.touchpoint_id, p.old_id, p.new_id) || p.suffix
    end""",
    "customer_id": "p.new_id",
    "occurred_at": "t.occurred_at - to_days(p.earlier)",
    "touchpoint_date": "t.touchpoint_date - p.earlier",
    "order_id": "t.order_id || p.suffix",
    **{
        column: f"t.{column}"
        for column in (
            *("channel", "direction", "actor", "message_class", "event_type"),
            *("is_marketing_contact", "campaign_id", "flow_id", "owner_id"),
            *("question", "answer", "answer_mood"),
        )
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.night.journeys",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--company", type=Path, required=True, help="a small company's warehouse")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, required=True, help="for the copies, and the result")
    parser.add_argument("--memory", default="8GB", help="DuckDB's limit (8GB)")
    parser.add_argument("--threads", type=int, default=2, help="DuckDB's (2)")
    options = parser.parse_args()
    folder = options.folder.resolve()
    settings = replace(
        Settings.from_env(), home=folder, memory_limit=options.memory, threads=options.threads
    )
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    settings.landing_dir.mkdir(parents=True, exist_ok=True)
    if not settings.warehouse_path.exists():
        copy(options.company, settings, options.customers)
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as db:
        (as_of,) = db.sql("select as_of_date from ops.build_state").fetchall()[0]
    built = _build(settings, as_of)
    bare = {}
    for model, queries in BARE.items():
        bare[model] = bare_seconds(settings, queries)
        print(f"  {model:44} {bare[model]:8.1f} cpu s", file=sys.stderr, flush=True)
    (folder / "journeys.json").write_text(json.dumps({"built": built, "bare": bare}, indent=2))
    print(report(built, bare))


def copy(company: Path, settings: Settings, customers: int) -> None:
    """Write a warehouse of so many customers beside the small one."""
    unfinished = settings.warehouse_path.with_suffix(".unfinished")
    shutil.copy(company, unfinished)
    with duckdb.connect(str(unfinished)) as db:
        db.execute(
            f"set threads = {settings.threads}; set memory_limit = '{settings.memory_limit}'"
        )
        db.execute("set preserve_insertion_order = false; set TimeZone = 'UTC'")
        db.execute(f"set temp_directory = '{settings.temp_dir}'")
        (few,) = db.sql("select count(*) from marts.dim_customers").fetchall()[0]
        db.execute(COPY.format(copies=-(-customers // few)))
        # searches and views, by the touchpoint that they are
        for stream, named, wanted in (
            (
                "canonical.canonical_web_events",
                "product_id, categories, search_term",
                "coalesce(product_id, search_term) is not null or categories is not null",
            ),
            ("canonical.canonical_message_events", "clicked_url", "clicked_url is not null"),
        ):
            _replace(
                db,
                stream,
                "select source, "
                "event_id || case when copy = 0 then '' else '-' || copy end as event_id, "
                f"{named} from {stream} cross join copies where {wanted}",
            )
        _replace(
            db,
            "marts.fct_touchpoints",
            *(
                _copied("marts.fct_touchpoints", TOUCHPOINTS)
                + f" where t.source = '{source}' and (p.copy = 0 or t.order_id is not null"
                " or hash(t.touchpoint_id, p.copy) % 20 > 0)"
                for source in ("klaviyo", "hubspot", "shop")
            ),
        )
        for table, columns in OF_PEOPLE.items():
            _replace(db, table, _copied(table, columns))
        _replace(db, "marts.dim_customers", "select new_id as customer_id from people")
        db.execute("checkpoint")
        for table in ("dim_customers", "fct_touchpoints", "fct_orders"):
            (rows,) = db.sql(f"select count(*) from marts.{table}").fetchall()[0]
            print(f"  {table}: {rows:,} rows", file=sys.stderr, flush=True)
    unfinished.rename(settings.warehouse_path)


def _copied(table: str, columns: dict[str, str]) -> str:
    listed = ", ".join(f"{value} as {name}" for name, value in columns.items())
    return f"select {listed} from {table} as t inner join people as p on t.customer_id = p.old_id"


def _replace(db: duckdb.DuckDBPyConnection, table: str, *queries: str) -> None:
    """Put the rows of the queries, one after another, in the place of a table or view."""
    schema, name = table.split(".")
    db.execute(f"create table {schema}.copied as {queries[0]}")
    for query in queries[1:]:
        db.execute(f"insert into {schema}.copied {query}")
    (is_view,) = db.execute(
        "select count(*) > 0 from duckdb_views() where schema_name = ? and view_name = ?",
        [schema, name],
    ).fetchall()[0]
    db.execute(f"drop {'view' if is_view else 'table'} {table}")
    db.execute(f"alter table {schema}.copied rename to {name}")


def _build(settings: Settings, as_of: date) -> dict[str, dict[str, float]]:
    result = settings.warehouse_path.with_name("journeys.json")
    subprocess.run(
        [sys.executable, "-m", "benchmarks.night.measured", str(as_of), str(result), *MODELS],
        cwd=PROJECT_DIR,
        env=os.environ | settings.dbt_environment(),
        check=True,
    )
    built: dict[str, dict[str, float]] = json.loads(result.read_text())
    return built


def report(built: dict[str, dict[str, float]], bare: dict[str, float]) -> str:
    """Return a table in Markdown: models of half a processor second or more, and the sum of all."""
    lines = ["| model | s | cpu s | peak GB | bare cpu s | ratio |", "|---|--:|--:|--:|--:|--:|"]
    for model, taken in built.items():
        if taken["cpu"] < 0.5:
            continue
        ratio = f"{bare[model]:.1f} | {taken['cpu'] / bare[model]:.1f}" if model in bare else "|"
        lines.append(
            f"| {model} | {taken['wall']:.1f} | {taken['cpu']:.1f} | {taken['peak']:.1f} "
            f"| {ratio} |"
        )
    wall, cost, least = (
        sum(taken["wall"] for taken in built.values()),
        sum(taken["cpu"] for taken in built.values()),
        sum(bare.values()),
    )
    peak = max(taken["peak"] for taken in built.values())
    lines.append(
        f"| *all of the journey* | {wall:.0f} | {cost:.0f} | {peak:.1f} | {least:.0f} "
        f"| {cost / least:.1f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
