"""What the APIs read: the records and events as they stand at an instant."""

import json
import re
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from sandbox.clock import parse_instant
from sandbox.company import Company

SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
VISIBLE = "valid_from < :now and valid_until >= :now"
VISIBLE_RECORD = "records.valid_from < :now and records.valid_until >= :now"
RECORD = "collection, id, created_at, modified_at, archived_at, body, related"


class Record(NamedTuple):
    """A record as it stands at an instant."""

    collection: str
    id: str
    created_at: int
    modified_at: int
    archived_at: int | None
    body: dict[str, Any]
    related: dict[str, Any]


class Store:
    """The two databases of a prepared company; one connection per thread."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._local = threading.local()

    @property
    def crm(self) -> sqlite3.Connection:
        """This thread's connection; the shop, for its clock, is attached."""
        if not hasattr(self._local, "crm"):
            self._local.crm = _open(self.company.crm_path)
            self._local.crm.execute("attach ? as shop", [f"file:{self.company.shop_path}?mode=ro"])
        connection: sqlite3.Connection = self._local.crm
        return connection

    def now(self) -> int:
        """Return the clock in epoch milliseconds."""
        (now,) = self.crm.execute("select now from shop._clock").fetchone()
        return parse_instant(f"{now}+00:00")

    def rows(self, query: str, values: dict[str, Any]) -> list[Any]:
        """Return the rows of a query with bound values."""
        return self.crm.execute(query, values).fetchall()

    def records(self, where: str, order: str, values: dict[str, Any]) -> list[Record]:
        """Return the records of a collection that are visible at ``values['now']``.

        Args:
            where: more conditions, with bound names.
            order: ``order by`` and what follows.
            values: at least ``collection`` and ``now``.
        """
        query = (
            f"select {RECORD} from records where collection = :collection and {VISIBLE} "
            f"and {where} {order}"
        )
        return [_record(row) for row in self.rows(query, values)]

    def count(self, where: str, values: dict[str, Any]) -> int:
        """Return how many records `records` would return without a limit."""
        query = f"select count(*) from records where collection = :collection and {VISIBLE}"
        ((count,),) = self.rows(f"{query} and {where}", values)
        return int(count)

    def by_ids(self, collection: str, ids: Iterable[str], now: int) -> list[Record]:
        """Return the records with these ids, by id; what is not there is left out."""
        return self.records(
            "id in (select value from json_each(:ids))",
            "order by id",
            {"collection": collection, "now": now, "ids": json.dumps(list(ids))},
        )

    def archived(self, collection: str, ids: Iterable[str], now: int) -> dict[str, bool]:
        """Return which of some ids are there, and whether they are archived."""
        values = {"collection": collection, "now": now, "ids": json.dumps(list(ids))}
        found = self.rows(
            "select id, archived_at is not null from records where collection = :collection "
            f"and id in (select value from json_each(:ids)) and {VISIBLE}",
            values,
        )
        return {each: bool(archived) for each, archived in found}

    def ever(self, collection: str, ids: Iterable[str]) -> set[str]:
        """Return which of some ids a record ever had."""
        values = {"collection": collection, "ids": json.dumps(list(ids))}
        found = self.rows(
            "select distinct id from records where collection = :collection "
            "and id in (select value from json_each(:ids))",
            values,
        )
        return {each for (each,) in found}

    def successors(self, collection: str, ids: Iterable[str], now: int) -> dict[str, str]:
        """Return for each id the one that stands for it: itself, unless it was merged away."""
        asked = list(ids)
        values = {"collection": collection, "now": now, "ids": json.dumps(asked)}
        merged = dict(
            self.rows(
                "select id, successor_id from redirects where collection = :collection "
                "and id in (select value from json_each(:ids)) and valid_from < :now "
                "and not exists (select 1 from records where records.collection = :collection "
                f"and records.id = redirects.id and {VISIBLE_RECORD}) order by valid_from",
                values,
            )
        )
        if not merged:
            return {each: each for each in asked}
        further = self.successors(collection, set(merged.values()), now)  # merged once more
        return {each: further[merged[each]] if each in merged else each for each in asked}

    def merged(self, collection: str, now: int) -> dict[str, str]:
        """Return every merged-away id of a collection with the one that stands for it."""
        values = {"collection": collection, "now": now}
        ids = self.rows(
            "select distinct id from redirects "
            "where collection = :collection and valid_from < :now",
            values,
        )
        standing = self.successors(collection, (each for (each,) in ids), now) if ids else {}
        return {each: other for each, other in standing.items() if other != each}

    def histories(
        self, collection: str, ids: Iterable[str], names: list[str], now: int
    ) -> dict[str, dict[str, list[tuple[int, Any]]]]:
        """Return id -> property -> its values with their instants, the oldest first."""
        versions = self.rows(
            "select id, valid_from, modified_at, body from records where collection = :collection "
            "and id in (select value from json_each(:ids)) and valid_from < :now "
            "and valid_until > valid_from order by id, valid_from",
            {"collection": collection, "now": now, "ids": json.dumps(list(ids))},
        )
        found: dict[str, dict[str, list[tuple[int, Any]]]] = {}
        modified_before: dict[str, int] = {}
        for record_id, valid_from, modified_at, text in versions:
            histories = found.setdefault(record_id, {name: [] for name in names})
            moved = modified_before.get(record_id) != modified_at
            modified_before[record_id] = modified_at
            body = json.loads(text)
            for name, values in histories.items():
                value = body.get(name)
                if value != (values[-1][1] if values else None):
                    values.append((modified_at if moved else valid_from, value))
        return found

    def modified_property(self, object_type: str) -> str | None:
        """Return the name of a HubSpot type's modified date, or None if there is no such type."""
        found = self.rows(
            "select modified_property from object_types where name = :name", {"name": object_type}
        )
        return found[0][0] if found else None

    def property_types(self, collection: str) -> dict[str, str]:
        """Return name and type of a HubSpot collection's properties."""
        return dict(
            self.rows(
                "select name, type from properties where collection = :collection",
                {"collection": collection},
            )
        )


def field(name: str) -> str:
    """Return the SQL of a value inside a record's body.

    Raises:
        ValueError: the name is not made of letters, digits and underscores. It stands inside the
            SQL, because only so can SQLite use the index on it.
    """
    if not SAFE_NAME.match(name):
        raise ValueError(name)
    return f"body ->> '$.{name}'"


def _record(row: Any) -> Record:
    collection, record_id, created_at, modified_at, archived_at, body, related = row
    return Record(
        collection,
        record_id,
        created_at,
        modified_at,
        archived_at,
        json.loads(body),
        json.loads(related),
    )


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=rw", uri=True, timeout=30)
    # What a fault changes need not survive a power cut, and a disk may take its time.
    connection.execute("pragma synchronous = off")
    return connection
