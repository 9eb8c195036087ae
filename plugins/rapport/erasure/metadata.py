"""Take erased people out of the database of an orchestrator: XCom, parameters, rendered fields.

Nothing of a person is ever put there but ids of customers, and these by whoever asks for an
erasure. So every text in it is looked at, whatever its table is called, and written over.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from rapport.erasure.texts import scrubbed
from rapport.errors import ErasureError
from rapport.tombstones import Tombstones

# Code, secrets and accounts, of which none is about a customer.
_LEFT_ALONE = ("alembic_", "serialized_dag", "dag_code", "dag_version", "connection", "ab_")
_AT_ONCE = 500


class Metadata:
    """A database whose texts are looked at.

    Args:
        url: SQLAlchemy's.
    """

    def __init__(self, url: str) -> None:
        self._url = sa.make_url(url)

    def count(self, tombstones: Tombstones) -> int:
        """Return how many of its fields hold something of theirs.

        Raises:
            ErasureError: it cannot be read.
        """
        return self._go_through(tombstones, change=False)

    def erase(self, tombstones: Tombstones) -> None:
        """Write over what is theirs, and leave nothing of it in the file.

        Raises:
            ErasureError: it cannot be written.
        """
        self._go_through(tombstones, change=True)

    def _go_through(self, tombstones: Tombstones, *, change: bool) -> int:
        engine, found = sa.create_engine(self._url), 0
        try:
            with engine.begin() as session:
                if self._is_sqlite:
                    session.exec_driver_sql("pragma busy_timeout = 60000")
                    session.exec_driver_sql("pragma secure_delete = on")
                tables = sa.MetaData()
                tables.reflect(session)
                for table in tables.sorted_tables:
                    if not table.name.startswith(_LEFT_ALONE):
                        for key, values in list(_changed(session, table, tombstones)):
                            found += len(values)
                            if change:
                                self._write(session, table, key, values)
            if change and self._is_sqlite:
                with engine.connect() as session:
                    session.exec_driver_sql("pragma wal_checkpoint(truncate)")
        except SQLAlchemyError as error:  # its text may quote a value
            raise ErasureError(
                f"Airflow's database cannot be {'changed' if change else 'read'} "
                f"({type(error).__name__}); run the request again"
            ) from None
        finally:
            engine.dispose()
        return found

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def _write(
        self, session: sa.Connection, table: sa.Table, key: dict[str, Any], values: dict[str, str]
    ) -> None:
        preparer = session.dialect.identifier_preparer
        for name, value in values.items():
            kind = table.columns[name].type.compile(session.dialect)
            # SQLite takes a type that it does not know for a number.
            new = ":new" if self._is_sqlite else f"cast(:new as {kind})"
            where = " and ".join(f"{preparer.quote(column)} = :{column}" for column in key)
            session.execute(
                sa.text(
                    f"update {preparer.format_table(table)} "
                    f"set {preparer.quote(name)} = {new} where {where}"
                ),
                {"new": value, **key},
            )


def _changed(
    session: sa.Connection, table: sa.Table, tombstones: Tombstones
) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Yield the key of each row that holds something, and what its fields become."""
    keys = list(table.primary_key.columns)
    texts = [
        column
        for column in table.columns
        if column not in keys and isinstance(column.type, sa.String | sa.JSON)
    ]
    if not keys or not texts:
        return
    chosen = [*keys, *(sa.type_coerce(sa.cast(c, sa.Text), sa.Text).label(c.name) for c in texts)]
    rows = session.execute(sa.select(*chosen))
    while part := rows.fetchmany(_AT_ONCE):
        for row in part:
            said = dict(zip((c.name for c in (*keys, *texts)), row, strict=True))
            values = {
                column.name: new
                for column in texts
                if (old := said[column.name]) and (new := scrubbed(str(old), tombstones)) != old
            }
            if values:
                yield {column.name: said[column.name] for column in keys}, values
