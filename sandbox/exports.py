"""What other tools export: CSV files below the company's folder, as they are at the clock.

A file per table, or one per table and month that grows until the month is over. Rows stand in
``exports.sqlite`` with the instants at which a file begins and ends to hold them; whenever the
clock moves, the files are written anew, but those that stay the same.
"""

import csv
import io
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sandbox.clock import FOREVER, moment, parse_instant, read_clock, write_clock

DATABASE, FOLDER = "exports.sqlite", "exports"
SCHEMA = """
create table files (source text, file text, header text, primary key (source, file));
create table lines (source text, file text, line text, shown_from integer, shown_until integer);
"""


@dataclass(frozen=True)
class Row:
    """One line of a file.

    Attributes:
        shown_from: epoch milliseconds from which on the file holds it.
        values: its fields; None is an empty one.
        shown_until: from which on the file holds it no more.
    """

    shown_from: int
    values: Sequence[object]
    shown_until: int = FOREVER


@dataclass(frozen=True)
class Export:
    """One table as a tool exports it.

    Attributes:
        source: name of the declared source (``sandbox/sources/<source>.yml``), and of the folder.
        table: name of the file, before ``.csv``; with ``by_month``, before ``_2017-01.csv``.
        columns: the header.
        rows: in the order of the file.
        by_month: a file for each month of ``shown_from``, or one for all of it.
    """

    source: str
    table: str
    columns: Sequence[str]
    rows: Iterable[Row]
    by_month: bool = True


def build(folder: Path, exports: Iterable[Export]) -> dict[str, int]:
    """Write ``exports.sqlite``, and return the rows of each table at the end of time."""
    counts: dict[str, int] = {}
    with closing(sqlite3.connect(folder / DATABASE)) as database, database:
        database.executescript(SCHEMA)
        for export in exports:
            header = _line(export.columns)
            name = f"{export.source}.{export.table}"
            counts[name] = 0
            if not export.by_month:  # a list of nobody is a file all the same
                _file(database, export.source, f"{export.table}.csv", header)
            for row in export.rows:
                month = f"_{moment(row.shown_from):%Y-%m}" if export.by_month else ""
                file = f"{export.table}{month}.csv"
                _file(database, export.source, file, header)
                database.execute(
                    "insert into lines values (?, ?, ?, ?, ?)",
                    [export.source, file, _line(row.values), row.shown_from, row.shown_until],
                )
                counts[name] += row.shown_until == FOREVER
    return counts


def set_clock(shop_path: Path, instant: str) -> str:
    """Move the clock, forward or back, for the APIs, the shop and the files; return it in UTC."""
    write_clock(shop_path, parse_instant(instant))
    now = read_clock(shop_path)
    show(shop_path.parent, now)
    return f"{moment(now):%Y-%m-%dT%H:%M:%SZ}"


def show(folder: Path, now: int) -> None:
    """Make the files of a company what they are at an instant (epoch milliseconds)."""
    if not (folder / DATABASE).exists():
        return
    with closing(sqlite3.connect(f"file:{folder / DATABASE}?mode=ro", uri=True)) as database:
        wanted = {
            folder / FOLDER / source / file: header + (lines or "")
            for source, file, header, lines in database.execute(
                "select source, file, header, (select group_concat(line, '') from ("
                " select line from lines where lines.source = files.source"
                " and lines.file = files.file and shown_from < :now and shown_until >= :now"
                " order by lines.rowid)) as held from files"
                " where held is not null or not exists (select 1 from lines"
                " where lines.source = files.source and lines.file = files.file)",
                {"now": now},
            )
        }
    for path in set((folder / FOLDER).glob("*/*.csv")) - set(wanted):
        path.unlink()
    for path, text in wanted.items():
        content = text.encode()
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def _file(database: sqlite3.Connection, source: str, file: str, header: str) -> None:
    database.execute("insert or ignore into files values (?, ?, ?)", [source, file, header])


def _line(values: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
