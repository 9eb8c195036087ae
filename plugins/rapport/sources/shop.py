"""The shop's database: customers, orders, order lines, products and coupons.

Any database that SQLAlchemy reaches and whose tables (or views) carry the columns
of ``streams``. The database casts every column to text, so that a value of the
wrong type becomes a row in quarantine; a column that nobody declared comes along.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from dlt.sources.sql_database import sql_table
from sqlalchemy.exc import SQLAlchemyError

from rapport.errors import SourceDenied, SourceError
from rapport.sources.connection import Connection
from rapport.sources.streams import SHOP, STREAMS, Stream

CHUNK_ROWS = 100_000
REMEDY = "Check the connection's host, schema (database), login and password"


def shop(
    connection: Connection, starts: dict[str, datetime | None], names: tuple[str, ...]
) -> list[Any]:
    """Return one resource per table named.

    Args:
        connection: ``url`` is SQLAlchemy's; ``options`` may set ``db_schema``.
        starts: per stream, the moment from which changed rows are pulled, or None for all.
        names: the streams wanted.

    Raises:
        SourceDenied: the database refuses the login.
        SourceError: it cannot be reached, or a table or a needed column is missing.
    """
    engine = sa.create_engine(connection.url, hide_parameters=True)  # rows stay out of errors
    schema = connection.options.get("db_schema")
    wanted = [stream for stream in STREAMS if stream.source == SHOP and stream.name in names]
    _check_tables(connection, engine, schema, wanted)
    return [
        sql_table(
            credentials=engine,
            table=stream.name,
            schema=schema,
            backend="pyarrow",
            chunk_size=CHUNK_ROWS,
            reflection_level="minimal",
            table_adapter_callback=None,
            query_adapter_callback=_as_text_since(stream, starts.get(stream.name)),
            write_disposition="append",
        )
        for stream in wanted
    ]


def _check_tables(
    connection: Connection, engine: sa.Engine, schema: str | None, streams: list[Stream]
) -> None:
    try:
        inspector = sa.inspect(engine)
        present = {
            stream.name: {column["name"] for column in inspector.get_columns(stream.name, schema)}
            for stream in streams
        }
    except sa.exc.NoSuchTableError as error:
        raise SourceError(connection.id, f"the database has no table or view {error}") from None
    except SQLAlchemyError as error:
        # The driver's text may quote the URL; its kind and the remedy are enough.
        kind = type(getattr(error, "orig", None) or error).__name__
        raise SourceDenied(connection.id, f"cannot open the database ({kind}). {REMEDY}") from None
    for stream in streams:
        missing = set(stream.columns) - present[stream.name]
        if missing:
            raise SourceError(
                connection.id,
                f"table {stream.name!r} lacks the columns {sorted(missing)}; renamed? "
                "Offer them through a view with the expected names",
            )


def _as_text_since(stream: Stream, since: datetime | None) -> Callable[..., Any]:
    """Return dlt's hook that writes the query of one table."""

    def query(_: Any, table: sa.Table, *__: Any) -> Any:
        selected = sa.select(
            *(sa.cast(column, sa.String).label(column.name) for column in table.columns)
        )
        if since is not None and stream.cursor is not None:
            cursor = table.columns[stream.cursor]
            moment: Any = since.astimezone(UTC).replace(tzinfo=None)
            if isinstance(cursor.type, sa.String):  # SQLite keeps times as text
                moment = moment.isoformat(sep=" ", timespec="seconds")
            selected = selected.where(cursor >= moment)
        return selected

    return query
