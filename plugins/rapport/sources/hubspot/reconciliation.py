"""Is what we know still what HubSpot has?

Deleting for good, merging and restoring move no modified date. So each night, per type:

1. Records that we know as archived and that tonight's archived list did not show were
   restored or deleted for good: they are read by id.
2. Records that we know as live and that another one says it ate were merged: they are read by
   id. Contacts and companies merge into a new record, which the pull has just found; the older
   way, and other types, keep one of the two ids.
3. The number of live records at HubSpot is compared with the number we know; if there are
   more, some came since their pull, and are pulled.
4. Where the numbers still differ, on the type's own day, and when it was not done for a week
   (`listing_days`), all records are listed, at as many calls as their ids alone would take. What
   says otherwise than we know lands, although its date did not move (HubSpot calculates and rolls
   up properties without moving it); what we lack is read by id and landed; what HubSpot lacks is
   read by id to learn whether it was archived, merged or deleted.

What is gone lands as a removal, with the id of the record it was merged into if there is one.
That one may be merged itself later: then a removal of its own leads on.
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
    changed,
    count,
    create_state,
    listing_due,
    removal,
    total,
    unless_refused,
)
from rapport.sources.records import Page, Row
from rapport.sources.streams import HUBSPOT, REMOVALS, SOURCE_TOTALS
from rapport.sources.strict import FLAW

MERGED_IDS = "hs_merged_object_ids"
AGAIN_ROWS = 5000  # compared at once
# A null is a word too: a merge that was taken back.
EATEN = f"""
arg_max(
    {{'ids': case when json_valid(properties) then properties ->> '$.{MERGED_IDS}' end}},
    (load_date, _dlt_load_id)
).ids as eaten
"""
# `live` and `listed` are what we know and what HubSpot has; both follow what is found out, and an
# id may stand in them twice.
TABLES = """
create table live as select id from state where not is_archived;
create table listed (id varchar);
create table merges as
select trim(eaten_id) as id, successor_id
from (
    select unnest(string_split(eaten, ';')) as eaten_id, id as successor_id
    from state
    where not is_archived and eaten <> ''
)
where eaten_id <> '' and trim(eaten_id) <> successor_id;
"""
MERGED = "select distinct id from live semi join merges using (id)"
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
            pages = _Reconciliation(crm, known, kind, landed).run(is_due)
            yield from unless_refused(kind.stream, known, crm.id, pages)


class _Reconciliation:
    """One type of object on one night."""

    def __init__(
        self, crm: Crm, known: Known, kind: ObjectType, landed: DuckDBPyConnection
    ) -> None:
        self.crm = crm
        self.known = known
        self.kind = kind
        self.landed = landed
        names_merged = MERGED_IDS in crm.properties(kind)
        eaten = EATEN if names_merged else "null::varchar as eaten"
        # The values of the properties that are pulled, in their order, whatever else is there.
        pointers = ", ".join("'/" + name.replace("'", "''") + "'" for name in crm.properties(kind))
        self.said = (
            "hash(json_extract_string("
            f"case when json_valid(properties) then properties end, [{pointers}]))"
        )
        said = f"arg_max({self.said}, (load_date, _dlt_load_id)) as said"
        create_state(landed, kind.stream, f"{eaten}, {said}")
        landed.execute(TABLES)

    def run(self, is_due: bool) -> Iterator[Page]:
        values = [self.known.as_of]
        for ids in batches(self.landed, batch_size(self.kind), NO_LONGER_ARCHIVED, values):
            yield from self._settle(ids)
        for ids in batches(self.landed, batch_size(self.kind), MERGED):
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
        waiting: list[Record] = []
        for page in self.crm.live(self.kind):
            self._add("listed", [record["id"] for record in page])
            waiting += page
            if len(waiting) >= AGAIN_ROWS:
                yield from self._changed(waiting)
                waiting = []
        yield from self._changed(waiting)
        size = batch_size(self.kind)
        for ids in batches(self.landed, size, LACKING):
            found = self.crm.read(self.kind, ids)
            there = {record["id"] for record in found.records}
            self._remove("listed", set(ids) - there - found.refused)
            yield from self._land(found.records)
        for ids in batches(self.landed, size, VANISHED):
            yield from self._settle(ids)

    def _changed(self, records: list[Record]) -> Iterator[Page]:
        """Yield the records that say otherwise than the landing, with their history."""
        rows = [row for row in self._rows(records) if FLAW not in row]
        ids = changed(self.landed, rows, "properties", self.said) if rows else set()
        if self.kind.history:
            size = batch_size(self.kind)
            for part in (sorted(ids)[n : n + size] for n in range(0, len(ids), size)):
                yield self.kind.stream, self._rows(self.crm.read(self.kind, part).records)
        else:
            yield self.kind.stream, [row for row in rows if row["id"] in ids]

    def _settle(self, ids: list[str]) -> Iterator[Page]:
        """Find out what became of records that are not where we know them to be.

        Of one that HubSpot does not take nothing is found out: it stays as it was.
        """
        read = self.crm.read(self.kind, ids)
        found = read.records
        yield from self._land(found)
        self._add("listed", [record["id"] for record in found])
        known_here = {record["id"] for record in found} | read.refused
        missing = set(ids) - known_here
        if missing:
            archived = self.crm.read(self.kind, sorted(missing), archived=True)
            yield self.kind.stream, self._rows(archived.records)
            missing -= {record["id"] for record in archived.records} | archived.refused
            found += archived.records
        self._remove("live", set(ids) - known_here)
        if missing:
            successors = self._successors(ids, missing, found, read.absent)
            yield (
                REMOVALS[HUBSPOT],
                [
                    removal(HUBSPOT, self.known, self.kind.name, id_, successors.get(id_))
                    for id_ in sorted(missing)
                ],
            )

    def _successors(
        self, ids: list[str], missing: set[str], found: list[Record], absent: set[str]
    ) -> dict[str, str]:
        """Return which record took the place of each that was merged.

        A survivor names whom it ate, but not always those that came to it with a merge before; and
        a batch does not say which of its inputs a survivor answers for. So whom nobody names, and
        whom the batch did not call absent, is read alone.
        """
        eaten = {
            id_: record["id"]
            for record in found
            for id_ in _merged_ids(record)
            if id_ in missing and id_ != record["id"]
        }
        survived = eaten or any(record["id"] not in ids for record in found)
        successors = dict(
            self.landed.execute(
                "select id, max_by(successor_id, try_cast(successor_id as bigint)) from merges "
                "where id in (select unnest(?::varchar[])) group by id",
                [sorted(missing)],
            ).fetchall()
        )
        for id_ in sorted(missing - eaten.keys() - absent) if survived else ():
            alone = [record["id"] for record in self.crm.read(self.kind, [id_]).records]
            if alone and alone != [id_]:
                successors[id_] = alone[0]
        return successors | eaten

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


def _merged_ids(record: Record) -> list[str]:
    """Return the ids that a record says were merged into it."""
    named = (record.get("properties") or {}).get(MERGED_IDS) or ""
    return [id_.strip() for id_ in named.split(";") if id_.strip()]
