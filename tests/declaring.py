"""A firm that declares sources of its own, without Airflow and without a build."""

import os
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import yaml

from rapport import landing
from rapport.settings import PROJECT_DIR
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import read_source
from rapport.sources.mapped.declaration import SHIPPED
from rapport.sources.pull import pull

NIGHT = date(2026, 11, 29)
# The least that can be said of orders, over columns of any name.
ORDERS = {
    "orders": {"columns": {"order_id": "id", "currency_code": "'EUR'", "ordered_at": "placed"}}
}


def declaration(kind="files", **table):
    """A declaration of one table, `orders`; of files, those that end in csv below `exports`."""
    least = {"files": {"files": "*.csv"}, "rest": {"paginator": "single_page"}}.get(kind, {})
    said = {"kind": kind, "tables": {"orders": {**least, "streams": ORDERS, **table}}}
    return said | ({"path": "exports"} if kind == "files" else {})


class Firm:
    """A home with one declared source, `web_shop`, and its landing."""

    def __init__(self, home: Path, url: str = "", **options):
        self.home = home
        self.exports = home / "exports"
        self.landing_dir = home / "landing"
        self.connection = Connection("rapport_web_shop", url, "secret", options)
        self.source = None
        (home / "sources").mkdir(exist_ok=True)
        self.exports.mkdir(exist_ok=True)

    def declare(self, said, shipped=SHIPPED):
        """Write the declaration, a text or what is to be one; return what was read."""
        path = self.home / "sources" / "web_shop.yml"
        path.write_text(said if isinstance(said, str) else yaml.safe_dump(said, sort_keys=False))
        self.source = read_source(path, self.home, PROJECT_DIR / "dbt_project", shipped)
        return self.source

    def send(self, name, content, *, age=timedelta(hours=1)):
        """Put a file where the firm's exports lie, as if it had lain there for a while."""
        path = self.exports / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        at = time.time() - age.total_seconds()
        os.utime(path, (at, at))
        return path

    def pull(self, as_of=NIGHT, **more):
        """Pull a night; return the rows of each stream."""
        return pull(
            "web_shop",
            replace(self.connection),
            as_of=as_of,
            landing_dir=self.landing_dir,
            work_dir=self.home / "work",
            declared=Declared(()).with_mapped(self.source),
            **more,
        )

    def rows(self, stream="orders", select="*"):
        """Return what landed of a stream, in the order of its loads."""
        files = [
            str(path)
            for path in landing.files_of_night(self.landing_dir, "web_shop", stream, date.max)
        ]
        return duckdb.execute(
            f"select {select} from read_parquet(?, union_by_name = true, hive_partitioning = true) "
            "order by _dlt_load_id",
            [files],
        ).fetchall()
