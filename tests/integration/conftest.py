"""A small driver for pulls from a served sandbox."""

from datetime import date, timedelta

import duckdb
import pytest

from rapport import landing
from rapport.sources.connection import Connection
from rapport.sources.pull import pull
from rapport.sources.streams import AFTER, GROUPS

NIGHT = date(2018, 1, 2)
FAST = {"max_attempts": 3, "backoff_factor": 0.01, "searches_per_second": 1000}


@pytest.fixture
def rapport(tmp_path, sandbox_server):
    """Return a small driver: pull a group, read what landed."""
    return Driver(tmp_path, sandbox_server)


@pytest.fixture
def with_leads(tmp_path, leads_server):
    """The same, of a company with leads."""
    return Driver(tmp_path, leads_server)


class Driver:
    def __init__(self, home, server):
        self.landing_dir = home / "landing"
        self.work_dir = home / "work"
        self.server = server
        self.connections = {
            "hubspot": Connection("rapport_hubspot", server.hubspot_url, "-", FAST),
            "klaviyo": Connection("rapport_klaviyo", server.klaviyo_url, "-", FAST),
            "shop": Connection("rapport_shop", f"sqlite:///{server.shop_path}"),
        }
        self.secrets = {"hubspot": server.hubspot_token, "klaviyo": server.klaviyo_key, "shop": ""}

    def pull(self, group, as_of=NIGHT, *, secret=None, **options):
        source = GROUPS[group][0].source
        known = self.connections[source]
        connection = Connection(
            known.id,
            known.url,
            self.secrets[source] if secret is None else secret,
            {**known.options, **options},
        )
        return pull(
            group, connection, as_of=as_of, landing_dir=self.landing_dir, work_dir=self.work_dir
        )

    def rows(self, source, stream, select="*"):
        files = str(self.landing_dir / source / stream / "*" / "*.parquet")
        loads = sorted(landing.completed_loads(self.landing_dir, source))
        return duckdb.execute(
            f"select {select} from read_parquet(?, union_by_name = true) "
            "where _dlt_load_id in (select unnest(?))",
            [files, loads],
        ).fetchall()

    def ids(self, source, stream):
        return sorted(row[0] for row in self.rows(source, stream, "id"))

    def fail(self, kind, path, **rule):
        do = {"kind": kind, **rule.pop("do", {})}
        self.server.set_faults([{"match": {"path": path}, "do": do, **rule}])

    def clock(self, as_of):
        """Put the sandbox's clock at the end of a night."""
        self.server.set_clock(f"{as_of + timedelta(days=1)}T00:00:00Z")

    def night(self, as_of, *groups):
        """Pull groups with the clock at the end of a night; return the rows per stream."""
        self.clock(as_of)
        rows = {}
        for group in groups:
            for stream, count in self.pull(group, as_of).items():
                rows[stream] = rows.get(stream, 0) + count
        return rows

    def reconcile(self, as_of, source="hubspot"):
        """Pull a reconciliation and what it counts; return what the reconciliation landed."""
        self.night(as_of, *AFTER[f"{source}_reconciliation"])
        return self.pull(f"{source}_reconciliation", as_of)

    def totals(self, source, as_of):
        """Return stream -> (at the source, landed, method) of a night's reconciliation."""
        found = self.rows(
            source,
            "source_totals",
            "stream, source_total::int, landed_total::int, method, checked_on",
        )
        return {row[0]: row[1:4] for row in found if row[4] == str(as_of)}
