"""A table of a release as a file: CSV for programs, XLSX for people.

========================  ============================  =======================================
in the release            CSV (RFC 4180, UTF-8)         XLSX
========================  ============================  =======================================
null                      nothing between the commas    an empty cell
text                      in quotes                     a cell of text, never a formula
whole numbers, decimals   as they are, ``12.500``       a number; as text beyond 15 digits
double                    as it is                      a number; as text if it is not finite
boolean                   ``true``, ``false``           a boolean
date                      ``2018-01-02``                a date; as text before 1900-03-01
timestamp, in UTC         ``2018-01-02 09:00:00``       a date and time; likewise
lists and maps            JSON, ``["email","sms"]``     the same, as text
========================  ============================  =======================================

What a customer wrote may begin like a formula, and a spreadsheet that opens the file would run it.
In CSV an apostrophe goes before it, as OWASP has it, whatever blanks and letters without a width
hide it; also where a part of the text would begin a cell for a program that separates by
semicolons, tabs or lines. In XLSX a cell says itself that it
is text, so the text stays as it is.
"""

import os
import re
import shutil
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from difflib import get_close_matches
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rapport.errors import ExportError
from rapport.release.content import Column, literal, quoted
from rapport.release.store import DATABASE, as_of_of

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

MOST_ROWS = 1_048_575  # of a sheet, its heading apart
MOST_CHARACTERS = 32_767  # of a cell
MOST_DIGITS = 15  # that a spreadsheet's numbers hold
FIRST_DATE = date(1900, 3, 1)  # before it a spreadsheet counts a day that never was
FETCHED_ROWS = 5_000
# Rows pass through; what DuckDB may keep of the file beside them is of no use a second time.
MEMORY_LIMIT, THREADS = "256MiB", 2

# As expressions of RE2: what begins a formula, also in wide forms and behind what does not show,
# and what begins a cell for a program that does not separate by commas.
FORMULA = r"[\t\r\n\x00]|[\pZ\p{Cf}\s]*[-=+@|%＝＋－＠]"  # noqa: RUF001 - the wide forms
NEXT_CELL = r"[;\t\r\n]"

_NESTED = re.compile(r".*\]|(STRUCT|MAP|UNION)\(.*")
_PLAIN = re.compile(
    r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT|BOOLEAN|DATE|TIMESTAMP.*"
)


_NUMBER = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DECIMAL.*|DOUBLE|FLOAT")


@dataclass(frozen=True)
class Exported:
    """What was written: where, which table, how many rows."""

    path: Path
    table: str
    rows: int


def export(
    folder: Path,
    mart: str,
    *,
    kind: Literal["csv", "xlsx"],
    out: Path | None = None,
) -> Exported:
    """Write a table of a release into a file, which only its owner can read.

    The rows are in the release's order. The file appears as a whole, in place of one that is there.

    Args:
        folder: of the release.
        mart: the table, as ``schema.table`` or ``table``.
        kind: of the file.
        out: the file; ``<table>_<night>.<kind>`` in the working directory by default.

    Raises:
        ExportError: there is no such table, no sheet can hold it, or the file cannot be written.
    """
    import duckdb

    with _opened(folder) as night:
        table = _named(night, folder.name, mart)
        target = out or Path(f"{table.partition('.')[2]}_{as_of_of(folder.name)}.{kind}")
        write = _write_csv if kind == "csv" else _write_xlsx
        try:
            with _aside(target) as aside:
                rows = write(night, table, aside, folder.name)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ExportError(f"{target} cannot be written: {reason}") from error
        except duckdb.Error as error:  # its text may quote a value
            raise ExportError(f"{table} cannot be written ({type(error).__name__})") from error
    return Exported(target, table, rows)


@contextmanager
def _opened(folder: Path) -> Iterator["duckdb.DuckDBPyConnection"]:
    import duckdb

    try:
        connection = duckdb.connect(
            str(folder / DATABASE),
            read_only=True,
            config={"memory_limit": MEMORY_LIMIT, "threads": THREADS},
        )
    except duckdb.Error as error:
        raise ExportError(
            f"release {folder.name} cannot be read ({type(error).__name__}); "
            "`rapport releases verify` says what is wrong with it"
        ) from error
    with connection:
        yield connection


def _named(night: "duckdb.DuckDBPyConnection", release_id: str, mart: str) -> str:
    """Return the full name of a table, by any of its names."""
    there = [
        f"{schema}.{name}"
        for schema, name in night.execute(
            "select schema_name, table_name from duckdb_tables() "
            "where schema_name in ('marts', 'segments') order by all"
        ).fetchall()
    ]
    named = {name.partition(".")[2]: name for name in there} | {name: name for name in there}
    if mart in named:
        return named[mart]
    near = get_close_matches(mart.lower(), named, n=1, cutoff=0.4)
    hint = f"the nearest is {near[0]}" if near else f"there are {', '.join(there)}"
    raise ExportError(f"release {release_id} has no table {mart}; {hint}")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """A file of its owner's beside the target, which takes its place once it is whole."""
    if target.is_dir():
        raise ExportError(f"{target} is a folder; --out names a file")
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        os.close(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _columns(night: "duckdb.DuckDBPyConnection", table: str) -> list[Column]:
    found = night.execute(
        "select column_name, data_type, comment from duckdb_columns() "
        "where schema_name = ? and table_name = ? order by column_index",
        table.split("."),
    ).fetchall()
    return [Column(*row) for row in found]


def _is_text(column: Column) -> bool:
    """Whether a file has it as text; every type that is not known to be harmless is."""
    return not _PLAIN.fullmatch(column.type)


def _read(column: Column) -> str:
    """SQL of a column in the types that a file has."""
    name = quoted(column.name)
    if column.type == "TIMESTAMP WITH TIME ZONE":
        return f"timezone('UTC', {name})"
    if _NESTED.fullmatch(column.type):
        return f"to_json({name})::varchar"
    return f"{name}::varchar" if _is_text(column) else name


def _write_csv(night: "duckdb.DuckDBPyConnection", table: str, path: Path, release_id: str) -> int:
    """Let DuckDB stream the rows: what it holds of them does not grow with them."""
    columns = _columns(night, table)
    read = ", ".join(
        f"{_harmless(_read(c)) if _is_text(c) else _read(c)} as {quoted(c.name)}" for c in columns
    )
    texts = ", ".join(quoted(c.name) for c in columns if _is_text(c))
    options = "format csv, header, delimiter ',', nullstr '', use_tmp_file false"
    options += f", force_quote ({texts})" if texts else ""
    rows = f"select {read} from {quoted(*table.split('.'))}"
    written = night.execute(f"copy ({rows}) to {literal(str(path))} ({options})").fetchone()
    assert written is not None
    return int(written[0])


def write_for_people(table: "pa.Table", path: Path) -> None:
    """Write rows that are in no release as a CSV that a spreadsheet opens by a click.

    Like that of a table of a release, but for what spreadsheets need to tell UTF-8 and lines: a
    byte-order mark and CRLF. All but numbers is in quotes, the heading too.

    Args:
        table: rows, with text, numbers and timestamps in UTC.
        path: of a file that is not there yet.
    """
    import duckdb

    with duckdb.connect() as memory:
        memory.register("rows", table)
        columns = [
            Column(row[0], row[1], None) for row in memory.execute("describe rows").fetchall()
        ]
        read = ", ".join(
            f"{_harmless(_read(c)) if _is_text(c) else _read(c)} as {quoted(c.name)}"
            for c in columns
        )
        quotes = ", ".join(quoted(c.name) for c in columns if not _NUMBER.fullmatch(c.type))
        aside = path.with_name(f".{path.name}.unmarked")
        memory.execute(
            f"copy (select {read} from rows) to {literal(str(aside))} (format csv, header, "
            f"delimiter ',', nullstr '', new_line '\\r\\n', force_quote ({quotes}))"
        )
    with path.open("wb") as marked, aside.open("rb") as lines:
        marked.write(BOM_UTF8)
        shutil.copyfileobj(lines, marked)
    aside.unlink()


def _harmless(text: str) -> str:
    """SQL of a text that no spreadsheet takes for a formula."""
    inside, begin = literal(f"({NEXT_CELL})({FORMULA})"), literal(f"^({FORMULA})")
    marked, mark = literal(r"\1'\2"), literal(r"'\1")
    return f"regexp_replace(regexp_replace({text}, {inside}, {marked}, 'g'), {begin}, {mark})"


def _write_xlsx(night: "duckdb.DuckDBPyConnection", table: str, path: Path, release_id: str) -> int:
    """Write a sheet of the rows, and one that says what the columns mean."""
    from xlsxwriter import Workbook

    columns = _columns(night, table)
    count = _demand_fits(night, table, columns)
    rows = 0
    with Workbook(str(path), {"constant_memory": True, "use_zip64": True}) as book:
        # Not the moment it is made: the same release gives the same file.
        created = datetime.combine(as_of_of(release_id), datetime.min.time())
        book.set_properties({"title": table, "comments": release_id, "created": created})
        sheet, heading = book.add_worksheet("rows"), book.add_format({"bold": True})
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, count, len(columns) - 1)
        for number, column in enumerate(columns):
            sheet.set_column(number, number, min(max(len(column.name) + 4, 10), 40))
            sheet.write_string(0, number, column.name, heading)
        write = [_writer(book, sheet, column) for column in columns]
        read = ", ".join(map(_read, columns))
        cursor = night.execute(f"select {read} from {quoted(*table.split('.'))}")
        while batch := cursor.fetchmany(FETCHED_ROWS):
            for values in batch:
                rows += 1
                for number, value in enumerate(values):
                    if value is not None:
                        write[number](rows, number, value)
        _describe(night, book, table, columns, release_id, heading)
    return rows


def _demand_fits(night: "duckdb.DuckDBPyConnection", table: str, columns: Sequence[Column]) -> int:
    """Return how many rows there are.

    Raises:
        ExportError: a sheet cannot hold them, or a cell one of their texts.
    """
    texts = [column for column in columns if _is_text(column)]
    longest = [f"coalesce(max(length({_read(column)})), 0)" for column in texts]
    asked = ", ".join(["count(*)", *longest])
    found = night.execute(f"select {asked} from {quoted(*table.split('.'))}").fetchone()
    assert found is not None
    count, *lengths = found
    if count > MOST_ROWS:
        raise ExportError(
            f"{table} has {count:,} rows and a sheet holds {MOST_ROWS:,}; --csv takes them all"
        )
    for column, length in zip(texts, lengths, strict=True):
        if length > MOST_CHARACTERS:
            raise ExportError(
                f"{table}.{column.name} has a text of {length:,} characters and a cell holds "
                f"{MOST_CHARACTERS:,}; --csv takes it whole"
            )
    return int(count)


def _writer(book: Any, sheet: Any, column: Column) -> Callable[[int, int, Any], None]:
    """Return what writes a value of a column, which is not null, into a cell."""
    text = book.add_format({"quote_prefix": True})  # text it stays when somebody edits the cell

    def write_text(row: int, number: int, value: Any) -> None:
        sheet.write_string(row, number, str(value), text)

    def write_boolean(row: int, number: int, value: Any) -> None:
        sheet.write_boolean(row, number, value)

    def write_day(row: int, number: int, value: Any) -> None:
        if (value.date() if isinstance(value, datetime) else value) < FIRST_DATE:
            write_text(row, number, value)
        else:
            sheet.write_datetime(row, number, value, shape)

    def write_number(row: int, number: int, value: Any) -> None:
        if _is_number_of_a_sheet(value):
            sheet.write_number(row, number, value, shape)
        else:
            write_text(row, number, value)

    if _is_text(column):
        return write_text
    if column.type == "BOOLEAN":
        return write_boolean
    if column.type.startswith(("DATE", "TIMESTAMP")):
        clock = "" if column.type == "DATE" else " hh:mm:ss"
        shape = book.add_format({"num_format": f"yyyy-mm-dd{clock}"})
        return write_day
    scale = re.fullmatch(r"DECIMAL\(\d+,(\d+)\)", column.type)
    places = f".{'0' * int(scale[1])}" if scale and int(scale[1]) else ""
    shape = book.add_format({"num_format": f"0{places}" if scale else "General"})
    return write_number


def _is_number_of_a_sheet(value: Any) -> bool:
    """Whether a spreadsheet's numbers hold a value as it is."""
    if isinstance(value, float):
        return isfinite(value)
    return len(Decimal(value).normalize().as_tuple().digits) <= MOST_DIGITS


def _describe(
    night: "duckdb.DuckDBPyConnection",
    book: Any,
    table: str,
    columns: Sequence[Column],
    release_id: str,
    heading: Any,
) -> None:
    """Add the sheet that says what the table and its columns mean."""
    said = night.execute(
        "select comment from duckdb_tables() where schema_name = ? and table_name = ?",
        table.split("."),
    ).fetchone()
    sheet = book.add_worksheet("columns")
    sheet.set_column(0, 1, 30)
    sheet.set_column(2, 2, 110)
    lines = [
        (table, f"release {release_id}", (said and said[0]) or ""),
        ("column", "type", "description"),
        *((column.name, column.type, column.comment or "") for column in columns),
    ]
    for row, line in enumerate(lines):
        for number, text in enumerate(line):
            sheet.write_string(row, number, text, heading if row < 2 else None)
