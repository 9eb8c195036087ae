"""Which rows of a declared source are an erased person's, as its own mapping says who is meant.

| rows | what becomes of them |
|---|---|
| of a table that is mapped onto orders or lines of them | stay as a guest's: what was sold was sold. Of each stays what its order says and no identity; all other cells are emptied |
| of any other table that name nobody else | gone: by the contact's id, else by an address or number that was theirs when the row was made |
| those that name others too (a call with two) | stay, without the id |
| refusals | gone where their address, number or id stands in them |
| removals of their records | gone |

An id that is an address is taken for one: whoever registers with it later is somebody new.
"""  # noqa: E501

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rapport import landing
from rapport.landing import Changed
from rapport.sources.mapped.declaration import FILE, LINE, Mapped, MappedSource, MappedTable
from rapport.sources.mapped.expressions import quoted, read_expression
from rapport.sources.records import moment_of
from rapport.sources.streams import REFUSALS, REMOVALS
from rapport.tombstones import Tombstones

# Canonical columns that say who is meant, and when the row was made.
_IDS, _SEVERAL = ("contact_id", "merged_contact_ids"), ("contact_ids",)
_EMAILS = ("email", "additional_emails", "addresses", "address")
_PHONES = ("phones", "addresses", "address")
_IDENTITY = tuple(dict.fromkeys((*_IDS, *_SEVERAL, *_EMAILS, *_PHONES)))
_MADE_AT = (
    *("created_at", "occurred_at", "ordered_at", "opened_at", "submitted_at", "signed_at"),
    *("preferences_updated_at", "updated_at"),
)
_CONTACT = ":contact"
_OF_ORDERS = ("orders", "order_lines")
_LISTED = re.compile(r"[\s;,|\[\]\"]+")
_CELLS = re.compile(r"[\s;,|\t\"{}\[\]]+")
Row = dict[str, Any]


def record_of(source: str) -> str:
    """Return what the contacts of a declared source are called in tombstones."""
    return f"{source}{_CONTACT}"


def is_of_contacts(stream: str) -> bool:
    """Whether a name in a tombstone is that of the contacts of a declared source."""
    return stream.endswith(_CONTACT)


@dataclass(frozen=True)
class MappedErased:
    """Takes erased people out of rows of a declared source.

    Attributes:
        source: what is declared.
        tombstones: of the erased.
    """

    source: MappedSource
    tombstones: Tombstones

    @property
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that may hold a row of a person."""
        names = [table.name for table in self.source.tables if _identity(table)]
        return (*names, REFUSALS[self.source.name].name, REMOVALS[self.source.name].name)

    def rules(self) -> Mapping[str, Callable[[pa.Table], Changed]]:
        """Return what becomes of rows, by the name of their stream."""
        by_name: dict[str, Callable[[pa.Table], Changed]] = {
            table.name: _Rule(table, self).__call__
            for table in self.source.tables
            if _identity(table)
        }
        return by_name | {
            REFUSALS[self.source.name].name: self._refusals,
            REMOVALS[self.source.name].name: self._removals,
        }

    def is_record(self, id_: str) -> bool:
        """Whether an id is the one of an erased person's record; an address is none."""
        return "@" not in id_ and self.tombstones.has_record(record_of(self.source.name), id_)

    def was_theirs(self, said: Iterable[str], made_at: Any) -> bool:
        """Whether one of some addresses or numbers was theirs when a row was made."""
        ends = [end for text in said if (end := self._until(text))]
        made = moment_of(made_at)  # what has no time was there always
        return bool(ends) and (made is None or made <= max(ends))

    def _until(self, text: str) -> Any:
        if "@" in text:
            return self.tombstones.email_until(text)
        return self.tombstones.phone_until(text) if any(c.isdigit() for c in text) else None

    def _refusals(self, rows: pa.Table) -> Changed:
        def is_theirs(record: str) -> bool:
            cells = [cell for cell in _CELLS.split(record) if cell]
            return any(self.is_record(cell) or self.was_theirs([cell], None) for cell in cells)

        return _without(rows, [is_theirs(str(each or "")) for each in _column(rows, "record")])

    def _removals(self, rows: pa.Table) -> Changed:
        ids = _column(rows, "id")
        theirs = [
            self.is_record(str(each or "")) or self.was_theirs([str(each or "")], None)
            for each in ids
        ]
        return _without(rows, theirs)


@dataclass(frozen=True)
class _Rule:
    """What becomes of the rows of a table."""

    table: MappedTable
    of: MappedErased

    def __call__(self, rows: pa.Table) -> Changed:
        said = self._said(rows)
        marks = [self._is_theirs(row) for row in said.to_pylist()]
        if not any(marks):
            return Changed(rows)
        if any(mapped.stream in _OF_ORDERS for mapped in self.table.mapped):
            return self._as_a_guests(rows, marks)
        others = [
            mark and self._names_others(row)
            for mark, row in zip(marks, said.to_pylist(), strict=True)
        ]
        gone = [mark and not other for mark, other in zip(marks, others, strict=True)]
        left = self._without_ids(rows, others) if any(others) else rows
        kept = left.filter(pc.invert(pa.array(gone, pa.bool_())))
        return Changed(kept, sum(gone), sum(others))

    def _is_theirs(self, row: Row) -> bool:
        ids, addresses = _listed([*row["ids"], *row["several"]]), _listed(row["addresses"])
        return any(map(self.of.is_record, ids)) or self.of.was_theirs(
            [*addresses, *(id_ for id_ in ids if "@" in id_)], row["made_at"]
        )

    def _names_others(self, row: Row) -> bool:
        return any(
            not self.of.is_record(id_) and not self.of.was_theirs([id_], row["made_at"])
            for id_ in _listed(row["several"])
        )

    def _said(self, rows: pa.Table) -> pa.Table:
        """Return who is meant by each row, and when it was made, as the mapping says it."""
        ids, several = self._texts(_IDS), self._texts(_SEVERAL)
        addresses = self._texts((*_EMAILS, *_PHONES))
        made = [sql for column in _MADE_AT for sql in self._texts((column,))]
        there = {name.lower() for name in rows.column_names}
        # The engine tells columns by their name, whatever its case.
        names = [*self.table.stream.declared, FILE, LINE]
        lacking = dict.fromkeys(n.lower() for n in names if n.lower() not in there)
        more = "".join(f", cast(null as varchar) as {quoted(name)}" for name in lacking)
        by = ", ".join(map(quoted, self.table.stream.whole_by)) or "1"
        with landing.started() as engine:
            engine.execute("set enable_external_access = false")
            engine.register("rows", rows)
            return engine.execute(
                f"""
                select
                    [{", ".join(ids)}]::varchar[] as ids,
                    [{", ".join(several)}]::varchar[] as several,
                    [{", ".join(addresses)}]::varchar[] as addresses,
                    coalesce({", ".join([*made, "null"])})::varchar as made_at
                from (select *{more} from rows)
                window whole as (partition by {by})
                """
            ).to_arrow_table()

    def _texts(self, columns: Iterable[str]) -> list[str]:
        """SQL of canonical columns, of each mapping that has them."""
        found = {
            mapped.columns[column]: None
            for mapped in self.table.mapped
            for column in columns
            if column in mapped.columns and not _reads_items(mapped, mapped.columns[column])
        }
        return [_tried(sql) for sql in found]

    def _as_a_guests(self, rows: pa.Table, marks: list[bool]) -> Changed:
        """Empty what is no order's own."""
        said = [m for m in self.table.mapped if m.stream in _OF_ORDERS]
        kept = {name.lower() for mapped in said for name in _read(mapped, _others(mapped))}
        kept -= {name.lower() for m in self.table.mapped for name in _read(m, _identities(m))}
        stream = self.table.stream
        kept |= {
            n.lower() for n in (*stream.key, *stream.whole_by, stream.cursor or "", FILE, LINE)
        }
        kept |= {name.lower() for name in landing.OF_LANDING}
        return _emptied(rows, [n for n in rows.column_names if n.lower() not in kept], marks)

    def _without_ids(self, rows: pa.Table, marks: list[bool]) -> pa.Table:
        """Take their ids out of the cells that say whom rows name."""
        names = {n.lower() for m in self.table.mapped for n in _read(m, _identities(m))}
        for place, name in enumerate(rows.column_names):
            if name.lower() in names:
                cells = [
                    self._without_theirs(cell) if mark and cell else cell
                    for mark, cell in zip(marks, rows[name].to_pylist(), strict=True)
                ]
                rows = rows.set_column(place, name, pa.array(cells, pa.string()))
        return rows

    def _without_theirs(self, cell: str) -> str:
        for text in _listed([cell]):
            if self.of.is_record(text) or self.of.was_theirs([text], None):
                cell = re.sub(rf"(?<![\w@.]){re.escape(text)}(?![\w@.])", "", cell)
        return cell


def _identity(table: MappedTable) -> bool:
    """Whether the rows of a table say who is meant."""
    return any(_identities(mapped) for mapped in table.mapped)


def _identities(mapped: Mapped) -> list[str]:
    return [column for column in _IDENTITY if column in mapped.columns]


def _others(mapped: Mapped) -> list[str]:
    return [column for column in mapped.columns if column not in _IDENTITY]


def _read(mapped: Mapped, columns: Iterable[str]) -> list[str]:
    """Columns of the table that some canonical ones are made of, with the rest of the mapping."""
    texts = [mapped.columns[column] for column in columns]
    if columns and any(column not in _IDENTITY for column in columns):
        texts += [text for text in (mapped.where, mapped.each) if text]
    found = [read_expression(text) for text in texts]
    return [name for each in found if not isinstance(each, str) for name in each.columns]


def _reads_items(mapped: Mapped, sql: str) -> bool:
    """Whether a column is made of the items of a list, which are within the cell."""
    read = read_expression(sql)
    return bool(mapped.each) and not isinstance(read, str) and "item" in read.columns


def _tried(sql: str) -> str:
    read = read_expression(sql)
    if not isinstance(read, str) and read.is_of_whole:
        return f"({sql})::varchar"  # the engine tries no window
    return f"try(({sql})::varchar)"


def _listed(cells: Iterable[str | None]) -> list[str]:
    return [text for cell in cells if cell for text in _LISTED.split(cell) if text]


def _column(rows: pa.Table, name: str) -> list[Any]:
    return rows[name].to_pylist() if name in rows.column_names else [None] * rows.num_rows


def _without(rows: pa.Table, theirs: list[bool]) -> Changed:
    if not any(theirs):
        return Changed(rows)
    return Changed(rows.filter(pc.invert(pa.array(theirs, pa.bool_()))), sum(theirs))


def _emptied(rows: pa.Table, names: list[str], marks: list[bool]) -> Changed:
    """Empty some cells of some rows; one of which nothing was left is as it was."""
    mask = pa.array(marks, pa.bool_())
    said = pa.array([False] * rows.num_rows)
    for name in names:
        said = pc.or_(said, pc.is_valid(rows[name]))
    mask = pc.and_(mask, said)
    number = pc.sum(mask).as_py() or 0
    if not number:
        return Changed(rows)
    for name in names:
        place = rows.column_names.index(name)
        empty = pc.if_else(mask, pa.scalar(None, rows[name].type), rows[name])
        rows = rows.set_column(place, name, empty)
    return Changed(rows, altered=number)
