"""`kind: sql`: dlt reads a table, a view or a query of any database that SQLAlchemy reaches.

The database casts every value to text. With a cursor only what changed comes, the oldest change
first; without one all of it. The query is ours and not dlt's own incremental one: that one compares
rows with the start once more after they were cast, as text, and drops what it takes for older.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from dlt.extract.exceptions import PipeException
from dlt.sources.sql_database import TableLoader, sql_table

from rapport.sources.connection import Connection
from rapport.sources.database import (
    CHUNK_ROWS,
    as_text,
    bound,
    changed_since,
    is_bytes,
    open_engine,
    partitions,
    told,
)
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import MappedTable
from rapport.sources.mapped.reading import Names, Unreadable, demand_columns
from rapport.sources.streams import Stream

_NUMBERS = (sa.Integer, sa.Numeric)


def read_tables(connection: Connection) -> "Database":
    """Return what reads the tables of a database.

    Raises:
        SourceDenied: the file of a SQLite database is not there.
    """
    return Database(connection, open_engine(connection), connection.options.get("db_schema"))


@dataclass(frozen=True)
class Database:
    """A database, which is asked as long as the pull may take."""

    connection: Connection
    engine: sa.Engine
    schema: str | None

    def rows(self, table: MappedTable, known: Known) -> Iterator[pa.Table]:
        """Yield the rows of a table, all text.

        Raises:
            SourceDenied: host, login, password or database are wrong, or a grant is missing.
            SourceError: it cannot be reached.
            Unreadable: there is no such table, or a column is lacking.
        """
        name = str(table.how.get("table", table.name))
        with told(self.connection, name), _as_raised():
            metadata = sa.MetaData(schema=self.schema)
            if "query" in table.how:
                self._describe(str(table.how["query"]), name, metadata)
            elif name not in (there := self._tables()):
                raise Unreadable(_no_table(name, there))
            wanted = _Wanted(table, known)
            yield from sql_table(
                self.engine,
                table=name,
                schema=self.schema,
                metadata=metadata,
                chunk_size=CHUNK_ROWS,
                backend="pyarrow",
                reflection_level="minimal",
                query_adapter_callback=wanted.query,
                table_loader_class=wanted.loader(),
            )

    def look(self, tables: Iterable[MappedTable]) -> None:
        """See whether tables and their columns are there, and read nothing.

        Raises:
            SourceError: it cannot be reached.
            Unreadable: there is no such table, or a column is lacking.
        """
        for table in tables:
            name = str(table.how.get("table", table.name))
            metadata = sa.MetaData(schema=self.schema)
            with told(self.connection, name):
                if "query" in table.how:
                    self._describe(str(table.how["query"]), name, metadata)
                    (there,) = metadata.tables.values()
                elif name in (known := self._tables()):
                    there = sa.Table(name, metadata, autoload_with=self.engine)
                else:
                    raise Unreadable(_no_table(name, known))
            demand_columns(table, [column.name for column in there.columns])

    def _tables(self) -> list[str]:
        inspector = sa.inspect(self.engine)
        return [*inspector.get_table_names(self.schema), *inspector.get_view_names(self.schema)]

    def _describe(self, query: str, name: str, metadata: sa.MetaData) -> None:
        """Note a query as a table, which dlt asks for no further."""
        with self.engine.connect() as source:
            bound(source)
            found = source.execute(sa.text(f"select * from ({query}) as asked where 1 = 0"))
            columns: list[sa.Column[Any]] = [sa.Column(name) for name in list(found.keys())]
        sa.Table(name, metadata, *columns, schema=self.schema)


@dataclass(frozen=True)
class _Wanted:
    """What is asked for of a table."""

    table: MappedTable
    known: Known

    def query(self, _: Any, there: sa.Table) -> sa.Select[Any]:
        """Return the query of what changed, with every value as text."""
        stream = self.table.stream
        asked: sa.FromClause = there
        if "query" in self.table.how:
            text = sa.text(str(self.table.how["query"]))
            asked = text.columns(*(sa.column(c.name) for c in there.columns)).subquery("asked")
        columns = [c for c in asked.columns if c.name in stream.declared or not is_bytes(c.type)]
        demand_columns(self.table, [column.name for column in columns])
        by_name = {column.name.lower(): column for column in columns}
        whole = [by_name[name.lower()] for name in stream.whole_by]
        if stream.cursor is None:
            return sa.select(*map(as_text, columns)).order_by(*whole)
        cursor = by_name[stream.cursor.lower()]
        start = _start(stream, cursor, self.known)
        return changed_since(columns, cursor, whole, start, timeless=True)

    def loader(self) -> type[TableLoader]:
        """Return dlt's loader of rows, bounded in time, whose rows have the landing's names."""
        declared = self.table.stream.declared

        class Bounded(TableLoader):
            def _load_rows(self, query: Any, _: dict[str, Any]) -> Iterator[pa.Table]:
                names = Names(declared)
                columns = [names.another(column.name) for column in query.selected_columns]
                with self.engine.connect().execution_options(stream_results=True) as source:
                    for rows in partitions(source, query):
                        values = zip(*rows, strict=True)
                        arrays = [pa.array(_none_for_empty(each), pa.string()) for each in values]
                        yield pa.table(arrays, names=columns)

        return Bounded


def _none_for_empty(values: tuple[str | None, ...]) -> list[str | None]:
    return [value or None for value in values]


def _start(stream: Stream, cursor: sa.ColumnElement[Any], known: Known) -> Any:
    """Return from where rows are read again, as the cursor says it; None for all of them."""
    if isinstance(cursor.type, _NUMBERS):
        return known.start_number(stream)
    start: datetime | None = known.start(stream)
    if start is None:
        return known.start_number(stream) if isinstance(cursor.type, sa.types.NullType) else None
    moment = start.astimezone(UTC).replace(tzinfo=None)
    if isinstance(cursor.type, sa.Date) and not isinstance(cursor.type, sa.DateTime):
        return moment.date()
    if isinstance(cursor.type, sa.String):
        return moment.isoformat(sep=" ", timespec="seconds")
    return moment


def _no_table(name: str, there: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"; the nearest is {near[0]}" if near else ""
    listed = ", ".join(sorted(there)[:16]) or "none that the login sees"
    return f"there is no table or view {name}{hint}; there are {listed}"


@contextmanager
def _as_raised() -> Iterator[None]:
    """Raise what dlt wraps as it was."""
    try:
        yield
    except PipeException as error:
        raise (error.__cause__ or error) from None
