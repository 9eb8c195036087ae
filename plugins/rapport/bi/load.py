"""Load a release into Postgres, and let Postgres follow the release that is current."""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from rapport.bi.compare import IN_PLACE_OF_NUL, demand_equal
from rapport.bi.extension import load_extension
from rapport.bi.server import LOADING, READER, Server, held_releases, schema_of
from rapport.bi.switch import TABLES, switch, with_locks
from rapport.killpoints import reach
from rapport.release import ReleaseInfo, current_release, find_release, list_releases
from rapport.release.content import literal, quoted
from rapport.release.store import DATABASE, MANIFEST, history, locked, record
from rapport.sources.connection import Connection

if TYPE_CHECKING:
    import duckdb

logger = logging.getLogger(__name__)

WORKERS = 2
GIVEN = "given to Postgres"  # in the history of releases
DEPENDED_ON = "2BP01"
SETTINGS = (
    "set timezone = 'UTC'",
    f"set pg_null_byte_replacement = {literal(IN_PLACE_OF_NUL)}",
)
ABOUT: Mapping[str, Any] = {
    "schema": "main",
    "name": "release",
    "rows": 1,
    "comment": "One row: which release this is, the night it shows and what the gate found.",
    "columns": (),
    "keys": (("release_id",),),
}


def load(
    connection: Connection,
    releases_dir: Path,
    release_id: str | None = None,
    *,
    memory_limit: str | None = None,
    threads: int | None = None,
) -> str | None:
    """Load one release, unless it is there, and let Postgres follow the current one.

    Args:
        connection: to the database.
        releases_dir: folder of releases.
        release_id: one to have beside the current one; the current one by default.
        memory_limit: DuckDB's, as DuckDB writes it.
        threads: DuckDB's.

    Returns:
        The release that BI tools have now; None if there is none.

    Raises:
        ReleaseError: there is no such release.
        BiError: it could not be loaded or switched to; BI tools have what they had.
        SourceError: the database refuses, or cannot be reached; likewise.
    """
    wanted = release_id or current_release(releases_dir)
    if wanted is None:
        return None
    server, options = Server(connection), {"memory_limit": memory_limit, "threads": threads}
    with server.told(f"release {wanted}"), server.alone() as session:
        _make_sure_of(server, session, find_release(releases_dir, wanted), options)
        # Whoever switches while this goes on waits for the lock; they need not, as it follows.
        while (current := current_release(releases_dir)) != _readers_have(session):
            if current is None:
                break
            _make_sure_of(server, session, find_release(releases_dir, current), options)
            switch(server, new=schema_of(current), old_release=_readers_have(session))
            reach("bi_switched")
            with locked(releases_dir):
                record(releases_dir, GIVEN, current, place=server.place)
        _drop_removed(server, session, releases_dir)
        return _readers_have(session)


def customers_held(connection: Connection) -> list[tuple[str, date]]:
    """Return every customer's id in Postgres, with the night of the release that has it.

    Raises:
        BiError: it cannot be read.
        SourceError: the database refuses, or cannot be reached.
    """
    server, found = Server(connection), []
    with server.told("the customers"), server.engine.connect() as session:
        for each in held_releases(session):
            night = date.fromisoformat(each.release_id[:10])
            table = quoted(each.schema, "dim_customers")
            ids = session.scalars(sa.text(f"select customer_id from {table}")).all()
            found += [(str(id_), night) for id_ in ids]
    return found


def given_to_postgres(releases_dir: Path) -> dict[str, Any] | None:
    """Return the last entry of the history that gave Postgres a release; None if there is none.

    Nobody need reach the database to know it: ``release_id``, ``at`` and ``place``.
    """
    return next((e for e in reversed(history(releases_dir)) if e.get("event") == GIVEN), None)


def _readers_have(session: sa.Connection) -> str | None:
    return next((each.release_id for each in held_releases(session) if each.is_current), None)


def _make_sure_of(
    server: Server, session: sa.Connection, info: ReleaseInfo, options: Mapping[str, Any]
) -> None:
    """Have a release in a schema, the one of the stable name or its own."""
    if info.release_id in {each.release_id for each in held_releases(session)}:
        return
    began = time.monotonic()
    tables = tables_of(info.path)
    _run(session, f"drop schema if exists {LOADING} cascade; create schema {LOADING}")
    with closing(opened(info.path, options)) as duck:
        server.attach(duck, "bi")
        with ThreadPoolExecutor(WORKERS) as workers:
            # The largest first, so that no worker is left alone with it at the end.
            by_size = sorted(tables, key=lambda table: -int(table["rows"]))
            for done in [workers.submit(_copy, server, duck, table) for table in by_size]:
                done.result()
        copied = time.monotonic()
        reach("bi_copied")
        for table in tables:
            demand_equal(duck, table)
        compared = time.monotonic()
    _run(session, ";\n".join([*_descriptions(info, tables), *_grants(session)]))
    _run(session, f"alter schema {LOADING} rename to {schema_of(info.release_id)}")
    reach("bi_loaded")
    rows = sum(int(table["rows"]) for table in tables)
    logger.info(
        "%s: %s rows loaded in %.1f s and compared in %.1f s",
        info.release_id,
        f"{rows:,}",
        time.monotonic() - began - (compared - copied),
        compared - copied,
    )


def tables_of(folder: Path) -> list[Mapping[str, Any]]:
    """Return what a release says of its tables, the one that says which it is first."""
    return [ABOUT, *json.loads((folder / MANIFEST).read_bytes())["tables"]]


def opened(folder: Path, options: Mapping[str, Any]) -> "duckdb.DuckDBPyConnection":
    """Open a release as ``release``, with the extension."""
    import duckdb

    config = {name: value for name, value in options.items() if value}
    duck = duckdb.connect(config=config)
    load_extension(duck)
    for setting in SETTINGS:
        duck.execute(setting)
    duck.execute(f"attach {literal(str(folder / DATABASE))} as release (read_only)")
    return duck


def _copy(server: Server, duck: "duckdb.DuckDBPyConnection", table: Mapping[str, Any]) -> None:
    """Copy one table, then declare its keys and count its values."""
    with server.told(f"table {table['name']}"):
        with closing(duck.cursor()) as cursor:
            rows = quoted("release", table["schema"], table["name"])
            written = quoted("bi", LOADING, table["name"])
            for setting in SETTINGS:  # a cursor has settings of its own
                cursor.execute(setting)
            cursor.execute(f"create table {written} as from {rows}")
            keys = [(key, _has_null(cursor, rows, key)) for key in table.get("keys") or ()]
        target = quoted(LOADING, table["name"])
        # For the session that makes the keys, and no other: by default they are sorted on disk.
        statements, has_primary = ["set maintenance_work_mem = '256MB'"], False
        for key, has_null in keys:
            columns = ", ".join(map(quoted, key))
            if has_primary or has_null:
                statements.append(f"create unique index on {target} ({columns})")
            else:
                statements.append(f"alter table {target} add primary key ({columns})")
                has_primary = True
        with server.engine.connect() as session:
            _run(session, ";\n".join([*statements, f"analyze {target}"]))


def _has_null(cursor: "duckdb.DuckDBPyConnection", rows: str, key: Sequence[str]) -> bool:
    condition = " or ".join(f"{quoted(column)} is null" for column in key)
    return bool(cursor.execute(f"select exists (from {rows} where {condition})").fetchall()[0][0])


def _descriptions(info: ReleaseInfo, tables: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say in the database what each thing in it is."""
    told = f" {info.reduction.told()}." if info.reduction else ""
    about = f"Release {info.release_id} of Rapport, of the night of {info.as_of}.{told}"
    yield f"comment on schema {LOADING} is {literal(about)}"
    for table in tables:
        target = quoted(LOADING, table["name"])
        if table["comment"]:
            yield f"comment on table {target} is {literal(table['comment'])}"
        for column in table["columns"]:
            if column["comment"]:
                name = f"{target}.{quoted(column['name'])}"
                yield f"comment on column {name} is {literal(column['comment'])}"


def _grants(session: sa.Connection) -> Iterator[str]:
    """Let the readers' role read, and nobody else."""
    if not session.scalar(
        sa.text("select 1 from pg_roles where rolname = :role"), {"role": READER}
    ):
        yield f"create role {READER} nologin"
    yield f"grant usage on schema {LOADING} to {READER}"
    yield f"grant select on all tables in schema {LOADING} to {READER}"


def _drop_removed(server: Server, session: sa.Connection, releases_dir: Path) -> None:
    """Drop what the folder of releases has no more; leave it until next time where it is read."""
    stay = {info.release_id for info in list_releases(releases_dir)}
    for each in held_releases(session):
        if each.is_current or each.release_id in stay:
            continue

        def drop(transaction: sa.Connection, schema: str = each.schema) -> None:
            tables = transaction.scalars(sa.text(TABLES), {"schemas": [schema]}).all()
            transaction.execute(sa.text(f"drop table {', '.join(tables)}"))
            transaction.execute(sa.text(f"drop schema {quoted(schema)}"))

        try:
            gone, why = with_locks(server, [each.schema], drop), "somebody reads it"
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != DEPENDED_ON:
                raise
            gone, why = False, "somebody made a view or the like upon it"
        if not gone:
            logger.warning("schema %s stays until the next load: %s", each.schema, why)


def _run(session: sa.Connection, statements: str) -> None:
    """Run statements that have no parameters, whatever signs are in them, in one go."""
    session.exec_driver_sql(statements, execution_options={"no_parameters": True})
