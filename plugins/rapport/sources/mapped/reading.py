"""What is in a file: rows of text under the names that the file writes, and what does not fit.

Python's own reader of CSV and not DuckDB's (1.5.5): that one loses what comes after a quote that is
never closed, and the cells beyond the header's, without a word; and knows no line of a row.

What does not fit (too few cells, a quote that is never closed, a line that is no JSON) is refused
by itself, with its line as it stands there; all around it lands.
"""

import codecs
import csv
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rapport import landing
from rapport.landing import OF_LANDING
from rapport.sources import strict
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import ABOVE, FILE, LINE, MappedTable
from rapport.sources.mapped.expressions import quoted
from rapport.sources.records import as_text

BATCH_ROWS = 20_000
# A record in quotes that is longer has a quote that was never closed.
LONGEST_RECORD = 2**20
DELIMITERS = ";,\t|"
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


class Unreadable(Exception):
    """A file cannot be read as the table says; the message is what to do."""


@dataclass(frozen=True)
class Refused:
    """What is in a file and no row.

    Attributes:
        line: where it begins; 0 where a file has no lines.
        reason: without a value of it.
        record: as it stands there.
        id: its key, where it can be read.
    """

    line: int
    reason: str
    record: str
    id: str | None = None


@dataclass
class Names:
    """The names under which columns land: as the source writes them, each once.

    The engine knows no difference of case, so a second `Email` and an `email` get a number. Where
    the mapping names a column, it lands as the mapping writes it.

    Attributes:
        known: columns that the mapping names.
    """

    known: Sequence[str]
    _landed: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._spelt = {name.lower(): name for name in self.known}
        self._taken = {name.lower() for name in (*OF_LANDING, FILE, LINE, ABOVE)}

    def of(self, name: str) -> str:
        """Return the name of a column that every record has at most once."""
        if name not in self._landed:
            self._landed[name] = self.another(name)
        return self._landed[name]

    def another(self, name: str) -> str:
        """Return the name of one more column."""
        plain = name.strip("\ufeff \t\r\n") or "column"
        tried, number = plain, 1
        while tried.lower() in self._taken:
            number += 1
            tried = f"{plain}_{number}"
        self._taken.add(tried.lower())
        return self._spelt.get(tried.lower(), tried)


def read_file(
    path: Path,
    name: str,
    table: MappedTable,
    refuse: Callable[[Refused], None],
    landed: Iterable[str] = (),
) -> Iterator[pa.Table]:
    """Yield the rows of a file, all text, with its name and their lines.

    Args:
        path: a copy of the file, unpacked.
        name: of the file, whose end says what it is.
        table: that it is of.
        refuse: told what is no row.
        landed: columns of the table that landed before; a record of JSON need not have them.

    Raises:
        Unreadable: it is none of these, or lacks a column that is needed.
    """
    read = _READERS.get(Path(name).suffix.lower())
    if read is None:
        raise Unreadable(f"is none of {', '.join(_READERS)} (also .gz, .zip of these)")
    for rows in read(path, table, refuse, frozenset(each.lower() for each in landed)):
        file = pa.repeat(pa.scalar(name), rows.num_rows)
        yield rows.append_column(FILE, file)


def demand_columns(table: MappedTable, there: Iterable[str], more: Iterable[str] = ()) -> None:
    """Refuse what lacks a column that the mapping needs.

    Args:
        table: whose mapping.
        there: columns that there are.
        more: others that are known to be columns.

    Raises:
        Unreadable: one is lacking.
    """
    from difflib import get_close_matches

    found = list(there)
    known = {name.lower(): name for name in found}
    missing = [
        name for name in table.stream.columns if name.lower() not in (*known, *map(str.lower, more))
    ]
    if not missing:
        return
    near = get_close_matches(missing[0].lower(), known, n=1, cutoff=0.6)
    hint = f"; the nearest is {known[near[0]]!r}" if near else ""
    lacking = f"column {missing[0]!r}" if len(missing) == 1 else f"columns {missing}"
    raise Unreadable(
        f"has no {lacking}, which table {table.name} needs{hint}; there are "
        f"{', '.join(found) or 'none'}. Correct the mapping, or name it under optional"
    )


def columns_landed(known: Known, table: MappedTable) -> list[str]:
    """Return the columns of a table that landed on any night, and not those that it should have."""
    files = landing.files_of_night(known.landing_dir, table.stream.source, table.name, known.as_of)
    there = [str(path) for path in files if path.name != landing.DECLARED_FILE]
    if not there:
        return []
    with landing.started() as engine:
        found = engine.execute("select distinct name from parquet_schema(?)", [there]).fetchall()
    return [str(name) for (name,) in found]


def together(table: MappedTable, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows so that those that belong together come one after the other."""
    if not table.stream.whole_by:
        yield from batches
        return
    parts = list(batches)
    if not parts:
        return
    rows = pa.concat_tables(parts, promote_options="default")
    place = "rapport:place"
    rows = rows.append_column(place, pa.array(range(rows.num_rows), pa.int64()))
    keys = [(name, "ascending") for name in table.stream.whole_by]
    yield rows.sort_by([*keys, (place, "ascending")]).drop_columns([place])


# -- CSV -------------------------------------------------------------------------------------


def _read_csv(
    path: Path, table: MappedTable, refuse: Callable[[Refused], None], _: frozenset[str]
) -> Iterator[pa.Table]:
    encoding = table.how.get("encoding") or _encoding_of(path)
    try:
        with path.open(encoding=encoding) as file:
            yield from _rows_of_csv(file, table, refuse)
    except UnicodeError:
        line = next(_lines_that_are_not(encoding, path), 0)
        where = f"line {line}: " if line else ""
        raise Unreadable(
            f"{where}is not {encoding.removesuffix('-sig').upper()}; say the table's encoding "
            "(cp1252, latin-1, utf-16)"
        ) from None


def _rows_of_csv(
    file: Iterable[str], table: MappedTable, refuse: Callable[[Refused], None]
) -> Iterator[pa.Table]:
    lines = _Lines(file)
    above = _above(lines, table.how.get("skip", 0))
    columns, reader = _begun(lines, table)
    demand_columns(table, columns, (ABOVE,))
    rows: list[list[str]] = []
    numbers: list[str] = []
    for number, row in _records(lines, reader, len(columns), refuse):
        rows.append(row)
        numbers.append(str(number))
        if len(rows) >= BATCH_ROWS:
            yield above(_table(columns, zip(*rows, strict=True), numbers))
            rows, numbers = [], []
    if rows:
        yield above(_table(columns, zip(*rows, strict=True), numbers))


def _above(lines: "_Lines", count: int) -> Callable[[pa.Table], pa.Table]:
    """Take the lines above a header; return what puts their text beside each row."""
    text = "\n".join(line.rstrip("\r\n") for line in islice(lines, count))

    def beside(rows: pa.Table) -> pa.Table:
        return rows.append_column(ABOVE, pa.repeat(pa.scalar(text), rows.num_rows))

    return beside if count else lambda rows: rows


def _begun(lines: "_Lines", table: MappedTable) -> tuple[list[str], Iterator[list[str]]]:
    """Return the columns that a file's header names, and what reads on from there."""
    first = next((line for line in lines if line.strip()), "")
    delimiter = table.how.get("delimiter")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's own
        delimiter = delimiter or first.strip()[4]
        first = next((line for line in lines if line.strip()), "")
    if not first:
        raise Unreadable("is empty: it has no header. Send it again, or take it away")
    lines.again(first)
    reader = csv.reader(lines, delimiter=delimiter or _delimiter_of(first, table), strict=True)
    try:
        header = next(reader)
    except (csv.Error, _TooLong):
        raise Unreadable("its first line is no header: a quote in it is never closed") from None
    names = Names(table.stream.declared)
    return [names.another(name or f"column_{n}") for n, name in enumerate(header, 1)], reader


def _records(
    lines: "_Lines", reader: Iterator[list[str]], width: int, refuse: Callable[[Refused], None]
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records that fit a header, each with the line on which it begins."""
    while True:
        lines.taken.clear()
        begins = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except (csv.Error, _TooLong):
            # The quote's own line alone: what comes after it may well be rows.
            refuse(Refused(begins, "a quote in it is not closed, or stands alone", lines.back()))
            continue
        if not any(row[width:]):
            del row[width:]
        if len(row) == width and any(row):
            yield begins, row
        elif any(row):
            raw = "".join(lines.taken).rstrip("\n")
            refuse(Refused(begins, f"has {len(row)} cells where the header has {width}", raw))


class _TooLong(Exception):
    """A record goes on for longer than any does."""


class _Lines:
    """The lines of a text, which can be given back.

    Attributes:
        taken: those of the record that is read.
        number: how many were read for good.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: deque[str] = deque()
        self._size = 0
        self.taken: list[str] = []
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        if not self.taken:
            self._size = 0
        elif self._size > LONGEST_RECORD:
            raise _TooLong
        line = self._back.popleft() if self._back else next(self._lines)
        self.taken.append(line)
        self._size += len(line)
        self.number += 1
        return line

    def again(self, line: str) -> None:
        """Give back the last line."""
        self._back.appendleft(line)
        self.taken.clear()
        self.number -= 1

    def back(self) -> str:
        """Give back all lines of a record but its first; return that."""
        first, *others = self.taken
        self._back.extendleft(reversed(others))
        self.number -= len(others)
        self.taken.clear()
        return first.rstrip("\n")


def _delimiter_of(header: str, table: MappedTable) -> str:
    """The delimiter by which a header has most of the columns that are needed."""
    needed = {name.lower() for name in table.stream.declared}

    def found(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([header], delimiter=delimiter))
        return len(needed & {name.strip().lower() for name in names}), len(names)

    return max(DELIMITERS, key=found)


def _encoding_of(path: Path) -> str:
    with path.open("rb") as file:
        mark = file.read(2)
    return _MARKS.get(mark, "utf-8-sig")


def _lines_that_are_not(encoding: str, path: Path) -> Iterator[int]:
    if encoding.replace("-", "").lower().startswith("utf16"):
        return  # whose lines no byte ends
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode(encoding)
            except UnicodeError:
                yield number


def _table(
    columns: Sequence[str], values: Iterable[Sequence[str | None]], lines: Sequence[str | None]
) -> pa.Table:
    """Rows of text, in which what is empty is null."""
    arrays = [_null_for_empty(pa.array(each, pa.string())) for each in values]
    return pa.table([*arrays, pa.array(lines, pa.string())], names=[*columns, LINE])


def _null_for_empty(column: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


# -- JSON ------------------------------------------------------------------------------------


def _read_json_lines(
    path: Path, table: MappedTable, refuse: Callable[[Refused], None], landed: frozenset[str]
) -> Iterator[pa.Table]:
    def records() -> Iterator[tuple[int, Any]]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if text := line.strip(b"\xef\xbb\xbf \t\r\n"):
                    yield number, text

    yield from rows_of_json(records(), table, refuse, landed)


def _read_json(
    path: Path, table: MappedTable, refuse: Callable[[Refused], None], landed: frozenset[str]
) -> Iterator[pa.Table]:
    """A list of records, an answer that holds one, one record, or (as exports are) a line each."""
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        said = strict.read(content)
    except ValueError as error:
        if content.lstrip().startswith(b"{") and b"\n" in content.strip():
            yield from _read_json_lines(path, table, refuse, landed)
            return
        raise Unreadable(f"is no JSON: {getattr(error, 'msg', error)}") from None
    if isinstance(said, dict):
        lists = [v for v in said.values() if isinstance(v, list) and v and isinstance(v[0], dict)]
        said = lists[0] if len(lists) == 1 else [said]
    if not isinstance(said, list):
        raise Unreadable("is JSON, and neither a record nor a list of records")
    yield from rows_of_json(enumerate(said, 1), table, refuse, landed)


def rows_of_json(
    records: Iterable[tuple[int, Any]],
    table: MappedTable,
    refuse: Callable[[Refused], None],
    landed: Iterable[str] = (),
) -> Iterator[pa.Table]:
    """Yield records as rows.

    Args:
        records: each with its line, 0 where there are none; bytes that are to be read, or read.
        table: that they are of.
        refuse: told what is no record.
        landed: columns of the table that landed before; a record need not have them.

    Raises:
        Unreadable: a column is lacking that is needed.
    """
    rows: list[Mapping[str, Any]] = []
    numbers: list[str | None] = []
    batches = _Batches(table, frozenset(landed))
    for number, record in records:
        said = record
        try:
            if isinstance(record, bytes):
                said = strict.read(record)
            if not isinstance(said, dict):
                raise ValueError("is no record: no object of JSON")
            if flaw := said.get(strict.FLAW):
                raise ValueError(flaw)
        except ValueError as error:
            raw = record.decode("utf-8", "replace") if isinstance(record, bytes) else None
            reason = f"is no JSON: {error.msg}" if hasattr(error, "msg") else str(error)
            id_ = as_text(said.get(table.stream.key[0])) if _is_keyed(said, table) else None
            refuse(Refused(number, reason, raw or as_text(said) or "", id_))
            continue
        rows.append(said)
        numbers.append(str(number) if number else None)
        if len(rows) >= BATCH_ROWS:
            yield batches.of(rows, numbers)
            rows, numbers = [], []
    if rows:
        yield batches.of(rows, numbers)


def _is_keyed(record: Any, table: MappedTable) -> bool:
    return isinstance(record, dict) and len(table.stream.key) == 1


class _Batches:
    """Turns records of JSON into rows."""

    def __init__(self, table: MappedTable, landed: frozenset[str]) -> None:
        self._table = table
        self._landed = landed
        self._names = Names(table.stream.declared)

    def of(self, rows: Sequence[Mapping[str, Any]], numbers: Sequence[str | None]) -> pa.Table:
        members = dict.fromkeys(member for row in rows for member in row)
        columns = [self._names.of(member) for member in members]
        demand_columns(self._table, columns, self._landed)
        values = ([as_text(row.get(member)) for row in rows] for member in members)
        return _table(columns, values, numbers)


# -- parquet ---------------------------------------------------------------------------------


def _read_parquet(
    path: Path, table: MappedTable, _: Callable[[Refused], None], __: frozenset[str]
) -> Iterator[pa.Table]:
    import duckdb

    with landing.started() as engine:
        try:
            file = engine.read_parquet(str(path))
            names = Names(table.stream.declared)
            columns = [names.another(name) for name in file.columns]
            demand_columns(table, columns)
            texts = [
                f"{_text_of(quoted(name), str(type_))} as {quoted(column)}"
                for name, type_, column in zip(file.columns, file.types, columns, strict=True)
            ]
            rows = engine.execute(
                f"select {', '.join(texts)}, (file_row_number + 1)::varchar as {quoted(LINE)} "
                "from read_parquet(?, file_row_number = true)",
                [str(path)],
            ).to_arrow_reader(BATCH_ROWS)
            for batch in rows:
                said = pa.Table.from_batches([batch])
                yield pa.table(
                    [_null_for_empty(column.cast(pa.string())) for column in said.columns],
                    names=said.column_names,
                )
        except duckdb.Error as error:
            raise Unreadable(f"is no parquet: {str(error).splitlines()[0]}") from None


def _text_of(column: str, type_: str) -> str:
    """SQL of a value as text: times as ISO 8601 has them, what is nested as JSON."""
    if type_ == "TIMESTAMP WITH TIME ZONE":
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%fZ')"
    if type_.startswith("TIMESTAMP"):
        return f"strftime({column}::timestamp, '%Y-%m-%dT%H:%M:%S.%f')"
    if type_.endswith("]") or type_.startswith(("STRUCT", "MAP", "UNION")):
        return f"to_json({column})::varchar"
    if type_ == "BLOB":  # of writers that do not say that it is text
        return f"try(decode({column}))"
    return f"{column}::varchar"


_READERS: dict[
    str,
    Callable[[Path, MappedTable, Callable[[Refused], None], frozenset[str]], Iterator[pa.Table]],
] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".txt": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
ENDINGS = tuple(_READERS)
