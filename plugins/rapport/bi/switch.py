"""Give readers another release under the stable name, while they read.

``alter schema ... rename`` waits for nobody, and a statement looks up its tables one after the
other: one that names two tables could find one before a switch and the other after it. So the
switch first locks every table of both schemas. While it has the locks nobody else reads them, and
it gets them only while nobody does; a reader who waits for a lock looks the name up anew when it
is free, and finds the new table. So

- a statement sees one night, whatever it joins;
- so does a transaction, of any isolation level, from the first table of ``rapport`` that it reads
  to its end, as it holds its locks so long: the switch waits for it.

A transaction of ``repeatable read`` may have looked (at another schema, or at the clock) before the
new tables were filled, and read them after: it would find them empty. The switch therefore also
waits for every transaction of this database that is older than the load.

The locks are asked for in one statement that gives up after `MOST_PATIENCE_MS` at the most, well
before PostgreSQL looks for deadlocks: nobody is killed, and nobody waits longer than that. Between
two tries readers go on.
"""

import random
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from rapport.bi.server import SCHEMA, Server, schema_of
from rapport.errors import BiError
from rapport.killpoints import reach
from rapport.release.content import quoted

LEAST_PATIENCE_MS, MOST_PATIENCE_MS = 20, 300
LEAST_PAUSE, MOST_PAUSE = 0.01, 2.0  # seconds
WAIT_SECONDS = 600.0
CANCELED = "57014"  # a statement that took longer than it may
DEADLOCK_MS = "select setting from pg_settings where name = 'deadlock_timeout'"

# Transactions of this database that had begun when this was asked, as anybody may see them.
OLDER = """
select distinct locks.virtualtransaction
from pg_locks as locks
inner join pg_stat_activity as sessions on locks.pid = sessions.pid
where
    locks.locktype = 'virtualxid'
    and sessions.datname = current_database()
    and locks.pid <> pg_backend_pid()
    -- autovacuum and the like read none of it
    and sessions.usesysid is not null
"""

TABLES = """
select format('%I.%I', schemaname, tablename)
from pg_tables
where schemaname = any(:schemas)
order by tablename, schemaname
"""

READERS = """
select string_agg(distinct locks.pid::text, ', ')
from pg_locks as locks
inner join pg_class as tables on locks.relation = tables.oid
inner join pg_namespace as schemas on tables.relnamespace = schemas.oid
where schemas.nspname = any(:schemas) and locks.granted and locks.pid <> pg_backend_pid()
"""


def older_transactions(session: sa.Connection) -> set[str]:
    """Return the transactions of others that run now."""
    return set(session.scalars(sa.text(OLDER)))


def switch(
    server: Server,
    *,
    new: str,
    old_release: str | None,
    wait_seconds: float = WAIT_SECONDS,
) -> None:
    """Rename a schema to the stable name, and the one that has it to that of its release.

    Args:
        server: where.
        new: the schema that readers get.
        old_release: the release that they have, None before the first.
        wait_seconds: for readers.

    Raises:
        BiError: readers kept their locks all the time; they have what they had.
    """
    schemas = [new, SCHEMA] if old_release else [new]

    def rename(session: sa.Connection) -> None:
        if old_release:
            former = quoted(schema_of(old_release))
            session.execute(sa.text(f"alter schema {quoted(SCHEMA)} rename to {former}"))
        reach("bi_half_switched")
        session.execute(sa.text(f"alter schema {quoted(new)} rename to {quoted(SCHEMA)}"))

    with server.engine.connect() as session:
        older = older_transactions(session)
    deadline = time.monotonic() + wait_seconds
    pause, patience_ms = LEAST_PAUSE, LEAST_PATIENCE_MS
    while True:
        if older:
            with server.engine.connect() as session:
                older &= older_transactions(session)
        if not older and with_locks(server, schemas, rename, patience_ms):
            return
        if time.monotonic() > deadline:
            raise BiError(
                f"the release is in schema {new!r} of {server.place}, but {_who(server, schemas)} "
                f"did not end a transaction for {wait_seconds:.0f} s; see pg_stat_activity, end "
                "them (select pg_terminate_backend(<process id>)) and load again"
            )
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause, patience_ms = min(2 * pause, MOST_PAUSE), min(2 * patience_ms, MOST_PATIENCE_MS)


def with_locks(
    server: Server,
    schemas: Sequence[str],
    change: Callable[[sa.Connection], None],
    patience_ms: int = MOST_PATIENCE_MS,
) -> bool:
    """Do something in a transaction that has locked all tables of some schemas.

    Args:
        server: where.
        schemas: whose tables.
        change: what is done.
        patience_ms: how long to wait for all locks together.

    Returns:
        Whether it was done; False if the locks were not to be had soon.
    """
    try:
        with server.transaction() as session:
            tables = session.scalars(sa.text(TABLES), {"schemas": list(schemas)}).all()
            looks_after_ms = int(session.scalar(sa.text(DEADLOCK_MS)) or 1000)
            patience_ms = max(1, min(patience_ms, looks_after_ms // 3))
            session.execute(sa.text(f"set local statement_timeout = {patience_ms}"))
            if tables:
                session.execute(sa.text(f"lock table {', '.join(tables)} in access exclusive mode"))
            session.execute(sa.text("set local statement_timeout = 0"))
            change(session)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == CANCELED:
            return False
        raise
    return True


def _who(server: Server, schemas: Sequence[str]) -> str:
    with server.engine.connect() as session:
        pids = session.scalar(sa.text(READERS), {"schemas": list(schemas)})
    return f"its readers with the process ids {pids}" if pids else "somebody"
