"""Is what we know still what HubSpot has?

Deleting for good, merging and restoring move no modified date. So each night, per type:

1. Records that we know as archived and that tonight's archived list did not show were
   restored or deleted for good: they are read by id.
2. The number of live records at HubSpot is compared with the number we know; if there are
   more, some came since their pull, and are pulled.
3. Where the numbers still differ, on the type's own day, and when it was not done for a week
   (`listing_days`), all ids are listed and compared: what we lack is read by id and landed,
   what HubSpot lacks is read by id to learn whether it was archived, merged or deleted.

What is gone lands as a removal, with the id of the record it was merged into if there is one.
"""

from collections.abc import Iterator, Sequence

from duckdb import DuckDBPyConnection

from rapport.sources.hubspot.crm import Crm, Record, batch_size
from rapport.sources.hubspot.objects import pull_changed
from rapport.sources.hubspot.types import ObjectType
from rapport.sources.known import (
    SWEEP_DAYS,
    Known,
    batches,
    count,
    create_state,
    listing_due,
    removal,
    total,
)
from rapport.sources.records import Page, Row
from rapport.sources.streams import HUBSPOT, REMOVALS, SOURCE_TOTALS

# `live` and `listed` are what we know and what HubSpot has; both follow what is found out, and an
# id may stand in them twice.
TABLES = """
create table live as select id from state where not is_archived;
create table listed (id varchar);
"""
NO_LONGER_ARCHIVED = "select id from state where is_archived and seen_on < ?"
LACKING = "select distinct id from listed anti join live using (id)"
VANISHED = "select distinct id from live anti join listed using (id)"


def reconcile(
    crm: Crm, known: Known, kinds: Sequence[ObjectType], *, listing_days: int = SWEEP_DAYS
) -> Iterator[Page]:
    """Yield lost records, removals and the totals of each type.

    Args:
        crm: HubSpot.
        known: what is landed.
        kinds: the types.
        listing_days: how often all ids are listed even where the totals agree.
    """
    for turn, kind in enumerate(kinds):
        with known.open(kind.stream, REMOVALS[HUBSPOT], SOURCE_TOTALS[HUBSPOT]) as landed:
            is_due = listing_due(landed, known, kind.stream, turn, listing_days)
            yield from _Reconciliation(crm, known, kind, landed).run(is_due)


class _Reconciliation:
    """One type of object on one night."""

    def __init__(
        self, crm: Crm, known: Known, kind: ObjectType, landed: DuckDBPyConnection
    ) -> None:
        self.crm = crm
        self.known = known
        self.kind = kind
        self.landed = landed
        create_state(landed, kind.stream)
        landed.execute(TABLES)

    def run(self, is_due: bool) -> Iterator[Page]:
        values = [self.known.as_of]
        for ids in batches(self.landed, batch_size(self.kind), NO_LONGER_ARCHIVED, values):
            yield from self._settle(ids)
        method, there = "search", self.crm.total(self.kind)
        if there > self._live():
            yield from self._catch_up()
            there = self.crm.total(self.kind)
        if there != self._live() or is_due:
            yield from self._compare()
            method, there = "listing", count(self.landed, "select count(distinct id) from listed")
        yield (
            SOURCE_TOTALS[HUBSPOT],
            [
                total(
                    self.kind.stream,
                    self.known,
                    source_total=there,
                    landed_total=self._live(),
                    method=method,
                )
            ],
        )

    def _live(self) -> int:
        return count(self.landed, "select count(distinct id) from live")

    def _catch_up(self) -> Iterator[Page]:
        """Yield what changed since the pull; a busy account is never quiet."""
        for stream, rows in pull_changed(self.crm, self.kind, self.known.newest(self.kind.stream)):
            self._add("live", [row["id"] for row in rows])
            yield stream, rows

    def _compare(self) -> Iterator[Page]:
        """List all ids, and find out about every one that only one side has."""
        for ids in self.crm.ids(self.kind):
            self._add("listed", ids)
        size = batch_size(self.kind)
        for ids in batches(self.landed, size, LACKING):
            found = self.crm.read(self.kind, ids)
            self._remove("listed", set(ids) - {record["id"] for record in found})
            yield from self._land(found)
        for ids in batches(self.landed, size, VANISHED):
            yield from self._settle(ids)

    def _settle(self, ids: list[str]) -> Iterator[Page]:
        """Find out what became of records that are not where we know them to be."""
        found = self.crm.read(self.kind, ids)
        yield from self._land(found)
        missing = set(ids) - {record["id"] for record in found}
        if missing:
            archived = self.crm.read(self.kind, sorted(missing), archived=True)
            yield self.kind.stream, self._rows(archived)
            missing -= {record["id"] for record in archived}
        # A batch does not say which of its inputs a survivor answers for: ask for each alone.
        merged = any(record["id"] not in ids for record in found)
        successors = {id_: self._successor(id_) if merged else None for id_ in sorted(missing)}
        self._remove("live", set(ids) - {record["id"] for record in found})
        if successors:
            yield (
                REMOVALS[HUBSPOT],
                [
                    removal(HUBSPOT, self.known, self.kind.name, id_, successor)
                    for id_, successor in successors.items()
                ],
            )

    def _successor(self, id_: str) -> str | None:
        found = [record["id"] for record in self.crm.read(self.kind, [id_])]
        return next((other for other in found if other != id_), None)

    def _land(self, records: list[Record]) -> Iterator[Page]:
        """Yield live records; a survivor is one more version of a record that we know."""
        if records:
            ids = sorted({record["id"] for record in records})
            self._add("live", ids)
            yield self.kind.stream, self._rows(records)

    def _rows(self, records: list[Record]) -> list[Row]:
        return self.crm.rows(self.kind.stream, records)

    def _add(self, table: str, ids: Sequence[str | None]) -> None:
        self.landed.execute(f"insert into {table} select unnest(?::varchar[])", [list(ids)])

    def _remove(self, table: str, ids: set[str]) -> None:
        self.landed.execute(
            f"delete from {table} where id in (select unnest(?::varchar[]))", [sorted(ids)]
        )
