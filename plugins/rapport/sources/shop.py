"""The shop's database: customers, orders, order lines, products and coupons.

Any database that SQLAlchemy reaches and whose tables (or views) carry the columns
of ``streams``. The database casts every column to text, so that a value of the
wrong type becomes a row in quarantine; a column that nobody declared comes along.

A row that is deleted leaves nothing behind, and one that is entered with an old time is
behind the cursor: so each night rows are counted, and where the count differs from what
was landed, the keys are compared.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from dlt.common.normalizers.naming.snake_case import NamingConvention
from duckdb import DuckDBPyConnection

from rapport.errors import SourceError
from rapport.sources.connection import Connection
from rapport.sources.database import CHUNK_ROWS, bound, open_engine, partitions, told
from rapport.sources.known import Known, batches, count, create_state, removal, total
from rapport.sources.records import Page, Table
from rapport.sources.streams import REMOVALS, SHOP, SOURCE_TOTALS, STREAMS, Stream

KEYS_AT_ONCE = 200
_NAMES = NamingConvention()  # of columns that nobody declared


def shop(connection: Connection, starts: dict[Stream, datetime | None]) -> Iterator[Table]:
    """Yield the rows of each table, in the order of their last change.

    Args:
        connection: ``url`` is SQLAlchemy's; ``options`` may set ``db_schema``.
        starts: per stream wanted, the moment from which changed rows are pulled, or None for all.

    Raises:
        SourceDenied: the database refuses the login.
        SourceError: it cannot be reached, or a table or a needed column is missing.
    """
    engine, schema = _open(connection, starts)
    for stream, since in starts.items():
        with (
            told(connection, stream.name),
            engine.connect().execution_options(stream_results=True) as source,
        ):
            table = sa.Table(stream.name, sa.MetaData(), schema=schema, autoload_with=engine)
            names = [_NAMES.normalize_identifier(column.name) for column in table.columns]
            query = _as_text_since(stream, table, since)
            for rows in partitions(source, query, connection.deadline):
                columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
                yield stream, pa.table(columns, names=names)


def reconcile_shop(
    connection: Connection, known: Known, declared: Sequence[Stream] = STREAMS
) -> Iterator[Page]:
    """Yield rows that the landing lacks, removals, and the totals of every table."""
    tables = [stream for stream in declared if stream.source == SHOP and stream.cursor]
    engine, schema = _open(connection, tables)
    for stream in tables:
        with (
            told(connection, stream.name),
            engine.connect() as source,
            known.open(stream, REMOVALS[SHOP]) as landed,
        ):
            table = sa.Table(stream.name, sa.MetaData(), schema=schema, autoload_with=engine)
            bound(source, connection.deadline)
            key = _key([f'"{column}"' for column in stream.key])
            landed.execute(f'create view keyed as select *, {key} as id from "{stream.name}"')
            create_state(landed, stream, is_archived="false", relation="keyed")
            landed.execute("create table live as select id from state")
            there = source.execute(_counting(table, stream)).scalar_one()
            method = "count"
            if there != count(landed, "select count(*) from live"):
                yield from _compare(source, table, stream, known, landed)
                there, method = count(landed, "select count(*) from listed"), "listing"
            row = total(
                stream,
                known,
                source_total=there,
                landed_total=count(landed, "select count(*) from live"),
                method=method,
            )
            yield SOURCE_TOTALS[SHOP], [row]


def _compare(
    source: sa.Connection,
    table: sa.Table,
    stream: Stream,
    known: Known,
    landed: DuckDBPyConnection,
) -> Iterator[Page]:
    """Compare all keys; land the rows that only the shop has, note those that only we have."""
    columns = [_text(table.columns[name]) for name in stream.key]
    keys_there = sa.select(*columns)
    if stream.whole_by:
        keys_there = keys_there.distinct()
    landed.execute("create table listed (id varchar)")
    for rows in source.execute(keys_there).partitions(CHUNK_ROWS):
        keys = pa.table(list(zip(*rows, strict=True)), names=list(stream.key))
        landed.register("keys", keys)
        landed.execute(f"insert into listed select {_key(stream.key)} from keys")
        landed.unregister("keys")
    for ids in batches(landed, KEYS_AT_ONCE, "select id from listed anti join live using (id)"):
        wanted = [tuple(json.loads(id_)) if len(stream.key) > 1 else (id_,) for id_ in ids]
        query = sa.select(*map(_text, table.columns)).where(sa.tuple_(*columns).in_(wanted))
        rows_found = [dict(row) for row in source.execute(query).mappings()]
        landed.execute("insert into live select unnest(?::varchar[])", [ids])
        yield stream, rows_found
    for ids in batches(landed, CHUNK_ROWS, "select id from live anti join listed using (id)"):
        landed.execute("delete from live where id in (select unnest(?::varchar[]))", [ids])
        yield REMOVALS[SHOP], [removal(SHOP, known, stream.name, id_) for id_ in ids]


def _counting(table: sa.Table, stream: Stream) -> sa.Select[int]:
    """Count records, as the landing does: two lines of one article have one key."""
    if not stream.whole_by:
        return sa.select(sa.func.count()).select_from(table)
    keys = sa.select(*(table.columns[name] for name in stream.key)).distinct().subquery()
    return sa.select(sa.func.count()).select_from(keys)


def _key(columns: Sequence[str]) -> str:
    """SQL of a row's id: the key column, or a JSON list of several."""
    return columns[0] if len(columns) == 1 else f"to_json([{', '.join(columns)}])::varchar"


def _text(column: sa.ColumnElement[Any]) -> Any:
    return sa.cast(column, sa.String).label(getattr(column, "name", None))


def _open(connection: Connection, streams: Iterable[Stream]) -> tuple[sa.Engine, str | None]:
    """Return an engine and the schema, after every needed table and column was found there."""
    engine = open_engine(connection)
    schema = connection.options.get("db_schema")
    wanted = list(streams)
    try:
        with told(connection):
            inspector = sa.inspect(engine)
            present = {
                stream.name: {
                    column["name"] for column in inspector.get_columns(stream.name, schema)
                }
                for stream in wanted
            }
    except sa.exc.NoSuchTableError as error:
        raise SourceError(connection.id, f"the database has no table or view {error}") from None
    for stream in wanted:
        missing = set(stream.columns) - present[stream.name]
        if missing:
            raise SourceError(
                connection.id,
                f"table {stream.name!r} lacks the columns {sorted(missing)}; renamed? "
                "Offer them through a view with the expected names",
            )
    return engine, schema


def _as_text_since(stream: Stream, table: sa.Table, since: datetime | None) -> sa.Select[Any]:
    """Return the query of one table: the oldest change first, what has no time of it before all."""
    selected = sa.select(*map(_text, table.columns))
    cursor = table.columns[str(stream.cursor)]
    whole = [table.columns[name] for name in stream.whole_by]
    if since is not None:
        moment: Any = since.astimezone(UTC).replace(tzinfo=None)
        if isinstance(cursor.type, sa.String):  # SQLite keeps times as text
            moment = moment.isoformat(sep=" ", timespec="seconds")
        changed: Any = cursor >= moment
        if whole:
            changed = sa.tuple_(*whole).in_(sa.select(*whole).where(changed))
        selected = selected.where(changed)
    last: sa.ColumnElement[Any] = sa.func.max(cursor).over(partition_by=whole) if whole else cursor
    return selected.order_by(sa.case((last.is_(None), 0), else_=1), last, *whole)
