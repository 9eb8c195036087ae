"""The shop's database: customers, orders, order lines, products and coupons.

Any database that SQLAlchemy reaches and whose tables (or views) carry the columns
of ``streams``. The database casts every column to text, so that a value of the
wrong type becomes a row in quarantine; a column that nobody declared comes along, unless it
holds bytes (a picture, a signature): they are no text.

A row that is deleted leaves nothing behind, and one that is entered with an old time is
behind the cursor: so each night rows are counted, and where the count differs from what
was landed, the keys are compared. A value may change without its time: so once a week
all rows are.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from dlt.common.normalizers.naming.snake_case import NamingConvention
from duckdb import DuckDBPyConnection

from rapport.errors import SourceError
from rapport.landing import OF_LANDING
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
from rapport.sources.erased import Erased
from rapport.sources.known import (
    SWEEP_DAYS,
    Known,
    batches,
    count,
    create_state,
    id_of,
    removal,
    total,
)
from rapport.sources.records import Page, Table
from rapport.sources.streams import REMOVALS, SHOP, SOURCE_TOTALS, STREAMS, Stream

EVERYTHING = "everything"  # the method of a total for which all rows were compared
_NAMES = NamingConvention()  # of columns that nobody declared


def shop(connection: Connection, starts: dict[Stream, datetime | None]) -> Iterator[Table]:
    """Yield the rows of each table, in the order of their last change.

    Args:
        connection: ``url`` is SQLAlchemy's; ``options`` may set ``db_schema``.
        starts: per stream wanted, the moment from which changed rows are pulled, or None for all.

    Raises:
        SourceDenied: host, login, password or database are wrong, or a grant is missing.
        SourceError: it cannot be reached, or a table or a needed column is missing.
    """
    engine, schema = open_shop(connection, starts)
    for stream, since in starts.items():
        with (
            told(connection, stream.name),
            engine.connect().execution_options(stream_results=True) as source,
        ):
            table = sa.Table(stream.name, sa.MetaData(), schema=schema, autoload_with=engine)
            for rows in _in_chunks(source, _as_text_since(stream, table, since)):
                yield stream, rows


def reconcile_shop(
    connection: Connection, known: Known, declared: Sequence[Stream] = STREAMS
) -> Iterator[Table | Page]:
    """Yield rows that the landing lacks, removals, and the totals of every table.

    Each night rows are counted, and keys compared where the count differs. Once a week all that a
    table says is compared: a value may change and no date with it.
    """
    tables = [stream for stream in declared if stream.source == SHOP and stream.cursor]
    engine, schema = open_shop(connection, tables)
    for stream in tables:
        with (
            told(connection, stream.name),
            engine.connect().execution_options(stream_results=True) as source,
            known.open(stream, REMOVALS[SHOP], SOURCE_TOTALS[SHOP]) as landed,
        ):
            table = sa.Table(stream.name, sa.MetaData(), schema=schema, autoload_with=engine)
            bound(source)
            # Nothing else of the row: a shop's table may well have an id of its own.
            landed.execute(
                f"create view keyed as "
                f'select {id_of(stream.key)} as id, load_date, _dlt_load_id from "{stream.name}"'
            )
            create_state(landed, stream, is_archived="false", relation="keyed")
            landed.execute("create table live as select id from state")
            there, method = source.execute(_counting(table, stream)).scalar_one(), "count"
            if _is_due(landed, stream, known):
                method = EVERYTHING
            elif there != count(landed, "select count(*) from live"):
                method = "listing"
            if method != "count":
                yield from _compare(source, table, stream, known, landed, method == EVERYTHING)
                there = count(landed, "select count(distinct id) from listed")
            row = total(
                stream,
                known,
                source_total=there,
                landed_total=count(landed, "select count(*) from live"),
                method=method,
            )
            yield SOURCE_TOTALS[SHOP], [row]


def _is_due(landed: DuckDBPyConnection, stream: Stream, known: Known) -> bool:
    """Whether it is a week since all of a table was compared, or pulled."""
    (last,) = landed.execute(
        """
        select greatest(
            -- as text: DuckDB 1.5.5 raises of a folder's date as it is while there is one file
            (select min(load_date::varchar)::date from keyed),
            (
                select max(try_cast(checked_on as date)) from source_totals
                where stream = ? and method = ?
            )
        )
        """,
        [stream.name, EVERYTHING],
    ).fetchall()[0]
    return last is not None and (known.as_of - last).days >= SWEEP_DAYS


def _compare(
    source: sa.Connection,
    table: sa.Table,
    stream: Stream,
    known: Known,
    landed: DuckDBPyConnection,
    everything: bool,
) -> Iterator[Table | Page]:
    """Compare keys, or all that is said; land what only the shop has, note what only we have."""
    kept = _kept(table, stream)
    columns = [column for column in kept if everything or column.name in stream.key]
    names = _named(columns)
    whole = id_of(stream.whole_by or stream.key)
    there = sa.select(*map(as_text, columns))
    landed.execute("create table listed (id varchar, whole varchar, said ubigint)")
    erased = Erased.of(known.landing_dir, SHOP)  # what was erased does not say otherwise than ours
    for rows in _in_chunks(source, there):
        landed.register("chunk", erased(stream.name, rows).rows)
        landed.execute(
            f"""
            insert into listed
            select {id_of(stream.key)}, {whole}, {_said(names)}
            from chunk
            """
        )
        landed.unregister("chunk")
    known_columns = {name for name, *_ in landed.execute(f'describe "{stream.name}"').fetchall()}
    lacking = "".join(
        f', cast(null as varchar) as "{name}"' for name in names if name not in known_columns
    )
    landed.execute(
        f"""
        create table wanted as
        with

        there as (
            select whole, count(*) as row_count, sum(said) as said
            from listed
            where whole is not null
            group by whole
        ),

        latest as (
            select *{lacking}
            from "{stream.name}"
            where
                {id_of(stream.key)} in (select live.id from live)
                and {id_of(stream.key)} in (select listed.id from listed)
            qualify
                rank() over (partition by {whole} order by load_date desc, _dlt_load_id desc) = 1
        ),

        here as (
            select {whole} as whole, count(*) as row_count, sum({_said(names)}) as said
            from latest
            group by {whole}
        )

        select there.whole
        from there
        left join here on there.whole = here.whole
        where
            there.whole in (select whole from listed where id not in (select id from live))
            or (
                {everything}
                and (
                    there.row_count is distinct from here.row_count
                    or there.said is distinct from here.said
                )
            )
        """
    )
    if count(landed, "select count(*) from wanted"):
        for rows in _in_chunks(source, sa.select(*map(as_text, kept))):
            landed.register("chunk", rows)
            yield (
                stream,
                landed.execute(
                    f"""
                    from chunk
                    where {whole} in (select wanted.whole from wanted)
                    """
                ).to_arrow_table(),
            )
            landed.unregister("chunk")
    landed.execute(
        "insert into live "
        "select distinct id from listed anti join live using (id) where id is not null"
    )
    for ids in batches(landed, CHUNK_ROWS, "select id from live anti join listed using (id)"):
        landed.execute("delete from live where id in (select unnest(?::varchar[]))", [ids])
        yield REMOVALS[SHOP], [removal(SHOP, known, stream.name, id_) for id_ in ids]


def _counting(table: sa.Table, stream: Stream) -> sa.Select[int]:
    """Count records, as the landing does: two lines of one article have one key, no key is none."""
    keys = [table.columns[name] for name in stream.key]
    if stream.whole_by:
        return sa.select(sa.func.count()).select_from(sa.select(*keys).distinct().subquery())
    counted = sa.func.count(*(keys if len(keys) == 1 else ()))
    return sa.select(counted).select_from(table)


def _said(names: Sequence[str]) -> str:
    """SQL of what a row says, for a comparison within one process."""
    columns = ", ".join(f'"{name}"' for name in names)
    return f"hash({columns})"


def _in_chunks(source: sa.Connection, query: sa.Select[Any]) -> Iterator[pa.Table]:
    """Yield the rows of a query, all text, under the names that they have in the landing."""
    names = _named(query.selected_columns)
    for rows in partitions(source, query):
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        yield pa.table(columns, names=names)


def _kept(table: sa.Table, stream: Stream) -> list[sa.Column[Any]]:
    """The columns of a table that land."""
    return [
        column
        for column in table.columns
        if column.name in stream.declared or not is_bytes(column.type)
    ]


def _named(columns: Iterable[sa.ColumnElement[Any]]) -> list[str]:
    """The names of columns in the landing; one that another column has already gets a number.

    `Customer ID` would be `customer_id`, and no letter of a Persian name is left.
    """
    said = [str(getattr(column, "name", None)) for column in columns]
    plain = {name: _NAMES.normalize_identifier(name) for name in said}
    landed = {name: name for name in said if plain[name] == name and name not in OF_LANDING}
    taken = {*landed, *OF_LANDING}
    for name in said:
        if name not in landed:
            numbered = (f"{plain[name]}_{number}" for number in itertools.count(2))
            landed[name] = next(
                each for each in itertools.chain([plain[name]], numbered) if each not in taken
            )
            taken.add(landed[name])
    return [landed[name] for name in said]


def open_shop(connection: Connection, streams: Iterable[Stream]) -> tuple[sa.Engine, str | None]:
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
    """Return the query of one table."""
    cursor = table.columns[str(stream.cursor)]
    moment: Any = since and since.astimezone(UTC).replace(tzinfo=None)
    if moment and isinstance(cursor.type, sa.String):  # SQLite keeps times as text
        moment = moment.isoformat(sep=" ", timespec="seconds")
    whole = [table.columns[name] for name in stream.whole_by]
    return changed_since(_kept(table, stream), cursor, whole, moment)
