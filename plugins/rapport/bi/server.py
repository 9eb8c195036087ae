"""The database that BI tools read: how it is reached, and which releases it holds."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import sqlalchemy as sa

from rapport.errors import BiError
from rapport.release.content import literal
from rapport.sources.connection import Connection
from rapport.sources.database import open_engine, told

if TYPE_CHECKING:
    import duckdb

SCHEMA = "rapport"  # the stable name
LOADING = f"{SCHEMA}_loading"
READER = "rapport_reader"
_OF_RELEASE = re.compile(rf"{SCHEMA}_(\d{{4}})_(\d\d)_(\d\d)_([0-9a-f]{{12}})")
WAIT_SECONDS = 600.0
_LOCK = 0x52617070  # of this database, for whoever changes what is in it: "Rapp"


def schema_of(release_id: str) -> str:
    """Return the schema of a release that is not current.

    Example:
        >>> schema_of("2018-01-02-3f2a9c41d07b")
        'rapport_2018_01_02_3f2a9c41d07b'
    """
    return f"{SCHEMA}_{release_id.replace('-', '_')}"


@dataclass(frozen=True)
class Held:
    """A release that the database holds.

    Attributes:
        release_id: which.
        schema: where.
    """

    release_id: str
    schema: str

    @property
    def is_current(self) -> bool:
        """Whether BI tools get it under the stable name."""
        return self.schema == SCHEMA


class Server:
    """A PostgreSQL that holds releases.

    Args:
        connection: ``rapport_bi``, its URL one of PostgreSQL.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._url = sa.make_url(connection.url)
        self.place = f"{self._url.host}:{self._url.port or 5432}/{self._url.database}"

    @cached_property
    def engine(self) -> sa.Engine:
        """Connections that commit each statement."""
        return self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @cached_property
    def _engine(self) -> sa.Engine:
        return open_engine(self.connection)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Begin a transaction, on a connection of its own; commit it unless something is raised."""
        with self._engine.begin() as session:
            yield session

    @contextmanager
    def told(self, what: str) -> Iterator[None]:
        """Say in words what the database or the way to it refuses.

        Raises:
            SourceDenied: asking again cannot help.
            SourceError: it may.
        """
        with told(self.connection, f"{what}, in Postgres at {self.place}"):
            yield

    @contextmanager
    def alone(self) -> Iterator[sa.Connection]:
        """Hold the right to change what the database holds of Rapport, on one connection.

        Raises:
            BiError: another process keeps it, or the login may not make schemas.
        """
        with self.engine.connect() as session:
            self._wait(session)
            try:
                may = "select has_database_privilege(current_database(), 'create')"
                if not session.scalar(sa.text(may)):
                    raise BiError(
                        f"the login {self._url.username!r} may not make schemas in Postgres at "
                        f"{self.place}; grant it create on database {self._url.database!r}"
                    )
                yield session
            finally:
                session.execute(sa.text("select pg_advisory_unlock(:key)"), {"key": _LOCK})

    def _wait(self, session: sa.Connection) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not session.scalar(sa.text("select pg_try_advisory_lock(:key)"), {"key": _LOCK}):
            if time.monotonic() > deadline:
                raise BiError(
                    f"another process has been loading releases into {self.place} for "
                    f"{WAIT_SECONDS:.0f} s; wait for it or end it"
                )
            time.sleep(0.5)

    def attach(self, duck: "duckdb.DuckDBPyConnection", name: str) -> None:
        """Attach the database to a DuckDB, which then writes and reads its tables as its own."""
        url = self._url
        parts = {
            "host": url.host,
            "port": str(url.port or 5432),
            "user": url.username,
            "password": url.password,
            "database": url.database,
        }
        said = ", ".join(f"{key} {literal(value)}" for key, value in parts.items() if value)
        duck.execute(f"create or replace temporary secret {name} (type postgres, {said})")
        also = " ".join(f"{key}={value}" for key, value in url.query.items())
        duck.execute(f"attach {literal(also)} as {name} (type postgres, secret {name})")


def held_releases(session: sa.Connection) -> list[Held]:
    """Return what the database holds, the current release first, then the newest night.

    Raises:
        BiError: there is a schema of the stable name that is no release.
    """
    names = session.scalars(
        sa.text("select nspname from pg_namespace where starts_with(nspname, :prefix)"),
        {"prefix": SCHEMA},
    ).all()
    held = [
        Held("{}-{}-{}-{}".format(*match.groups()), name)
        for name in sorted(names, reverse=True)
        if (match := _OF_RELEASE.fullmatch(name))
    ]
    if SCHEMA in names:
        table = f"{SCHEMA}.release"
        if session.scalar(sa.text("select to_regclass(:table)"), {"table": table}) is None:
            raise BiError(
                f"there is a schema {SCHEMA!r} in the database that Rapport did not make; rename "
                "it, or give the connection a database of its own"
            )
        current = session.scalar(sa.text(f"select release_id from {table}"))
        held.insert(0, Held(str(current), SCHEMA))
    return held
