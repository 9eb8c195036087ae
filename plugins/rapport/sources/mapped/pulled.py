"""Pull a declared source, by what its kind is read by."""

import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from rapport.errors import UnusableTable
from rapport.sources.connection import Connection
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import MappedSource, MappedTable
from rapport.sources.mapped.files import list_files, pull_files
from rapport.sources.mapped.reading import Refused, Unreadable, columns_landed, together
from rapport.sources.mapped.whole import compared, is_due, noted
from rapport.sources.records import Page, Row, Table, refusal
from rapport.sources.streams import REFUSALS

logger = logging.getLogger(__name__)

Rows = Callable[[MappedTable, Callable[[Refused], None]], Iterator[pa.Table]]


def pull_mapped(
    source: MappedSource, connection: Connection, known: Known, work_dir: Path
) -> Iterator[Page | Table]:
    """Yield what is new in the tables of a declared source.

    Args:
        source: what is declared.
        connection: to it.
        known: the landing.
        work_dir: for what goes again when the pull is over.

    Raises:
        SourceDenied: the source refuses the credentials, or is not where it should be.
        UnusableTable: what it has is otherwise than the mapping says; all else was pulled.
        SourceError: it cannot be used as it answers.
    """
    if source.kind == "files":
        yield from pull_files(source, connection, known, work_dir)
        return
    rows = _rows_of(source, connection, known)
    problems: list[str] = []
    for table in source.tables:
        if (known.window and not table.stream.cursor) or not is_due(table, known):
            continue
        try:
            yield from _pull_table(table, rows, known)
        except Unreadable as error:
            problems.append(str(error))
        else:
            if table.every > 1 and not known.window:
                yield noted(table, known)
    if problems:
        raise UnusableTable(source.name, problems)


def probe_mapped(source: MappedSource, connection: Connection) -> str:
    """Ask a declared source for next to nothing, and say what it answered.

    Raises:
        SourceError: as a pull would.
    """
    try:
        if source.kind == "files":
            found = list_files(source, connection)
            told = ", ".join(f"{len(files):,} of {name}" for name, files in found.items())
            return f"is there, and has files: {told}"
        if source.kind == "sql":
            from rapport.sources.mapped.sql import read_tables

            read_tables(connection).look(source.tables)
            return f"answers, and has {', '.join(table.name for table in source.tables)}"
        from rapport.sources.mapped.rest import read_api

        return read_api(source, connection).look(source.tables[0])
    except Unreadable as error:
        raise UnusableTable(source.name, [str(error)]) from None


def _rows_of(source: MappedSource, connection: Connection, known: Known) -> Rows:
    """Return what yields the rows of a table."""
    if source.kind == "sql":
        from rapport.sources.mapped.sql import read_tables

        database = read_tables(connection)
        return lambda table, _: database.rows(table, known)
    from rapport.sources.mapped.rest import read_api

    api = read_api(source, connection)
    return lambda table, refuse: together(
        table, api.rows(table, known, refuse, columns_landed(known, table))
    )


def _pull_table(table: MappedTable, rows: Rows, known: Known) -> Iterator[Page | Table]:
    """Yield the rows of a table, what came of it that is none, and what is gone."""
    stream = table.stream
    refused: list[Row] = []

    def refuse(each: Refused) -> None:
        refused.append(refusal(stream, known.as_of, each.reason, id_=each.id, record=each.record))

    # With a cursor only what changed comes, and little of it is as it was.
    with compared(table, known) if stream.cursor is None else nullcontext() as read:
        for each in rows(table, refuse):
            yield stream, read.news(each) if read else each
        if refused:
            logger.warning("%s: %s records do not fit", stream.full_name, f"{len(refused):,}")
            yield REFUSALS[stream.source], refused
        if read and table.whole:
            yield from read.gone(len(refused))
