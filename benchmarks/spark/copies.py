"""A company so many times over: what the chain reads of it, each copy with ids of its own."""

import shutil
from pathlib import Path
from typing import Any

import duckdb

from rapport.settings import Settings

# Who somebody is and what they did; campaigns, products and days are everybody's.
IDS = frozenset(
    {
        "contact_id",
        "customer_id",
        "deal_id",
        "draw_id",
        "event_id",
        "mention_id",
        "order_id",
        "returned_order_id",
        "source_record_id",
        "ticket_id",
        "told_order_id",
        "touchpoint_id",
    }
)
_IDS_OF_EVENTS = frozenset({"id", "profile_id"})  # as the mailing tool says them


def copy(small: Settings, large: Settings, times: int, *, read: str) -> None:
    """Make a company from another's landed events and from what else the chain reads.

    Args:
        small: of the company that is copied.
        large: of the one that is made.
        times: how often.
        read: name of the folder in the home with tables, ``<schema>/<table>``.
    """
    landed = Path("klaviyo", "_dlt_loads")
    shutil.copytree(small.landing_dir / landed, large.landing_dir / landed, dirs_exist_ok=True)
    limits: dict[str, Any] = {"memory_limit": large.memory_limit, "threads": large.threads}
    with duckdb.connect(config=limits) as db:
        db.execute("set preserve_insertion_order = false")
        for folder in sorted(small.landing_dir.glob("klaviyo/events/load_date=*")):
            made = large.home / folder.relative_to(small.home)
            _copy(db, folder, made, times, _IDS_OF_EVENTS)
        for folder in sorted((small.home / read).glob("*/*")):
            _copy(db, folder, large.home / folder.relative_to(small.home), times, IDS)


def _copy(
    db: duckdb.DuckDBPyConnection, small: Path, large: Path, times: int, ids: frozenset[str]
) -> None:
    large.mkdir(parents=True)
    rows = f"read_parquet('{small}/*.parquet', hive_partitioning = false)"
    columns = [row[0] for row in db.execute(f"describe from {rows}").fetchall()]
    for number in range(times if ids.intersection(columns) else 1):
        own = f" || '~{number}'" if number else ""
        values = ", ".join(f'"{each}"{own if each in ids else ""} as "{each}"' for each in columns)
        made = f"'{large}/{number}.parquet' (compression zstd)"
        db.execute(f"copy (select {values} from {rows}) to {made}")
