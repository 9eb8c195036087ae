"""A database as a source: what is wrong with its connection, and how long it may take.

Drivers tell a wrong host, port, login, password or database apart by words (PostgreSQL, whose
failed connections have no code), by number (MySQL) or hardly (SQLite). Here each is one sentence
that names what to correct, of the connection and never of its password.

What bounds the time of a pull, beside its deadline between chunks of rows:

- PostgreSQL: 30 s to connect; `statement_timeout`, set anew before each chunk; a server that is
  gone is noticed within a minute.
- MySQL, MariaDB: 30 s to connect; `max_execution_time` or `max_statement_time`; a read of the
  connection waits no longer than the pull.
- SQLite: a statement is interrupted; a lock is waited for up to a minute.

Of any other database only the time between chunks is bounded.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.exc import NoSuchTableError, SQLAlchemyError

from rapport.errors import SourceDenied, SourceError, innermost
from rapport.sources.connection import Connection
from rapport.sources.deadline import Deadline
from rapport.sources.said import masked

CONNECT_SECONDS = 30
SILENT_SECONDS = 60
CHUNK_ROWS = 100_000
INSTRUCTIONS = 100_000  # of SQLite's, between two looks at the clock

FINAL, PASSING = SourceDenied, SourceError
_Kind = type[SourceDenied] | type[SourceError]

# What more than one driver has a word or a number for.
_WRONG_LOGIN = (
    "the password of the login {login!r} is wrong, or there is no such login; correct the "
    "connection's login or password"
)
_NO_DATABASE = "there is no database {database!r}; correct the connection's schema (database)"
_NO_TABLE = "the database has no table or view {table}"
_NO_GRANT = "the login {login!r} may not read {table}; grant it select"
_FULL = "{host!r} has no connection left; it may have one later"
_LOST = "the connection was lost"

# The words of PostgreSQL's library and of the system, in the order in which they are looked for.
_WORDS: list[tuple[str, _Kind, str]] = [
    (
        "temporary failure in name resolution",
        PASSING,
        "the name of the host {host!r} cannot be looked up just now; is there a network?",
    ),
    (
        r"could not translate host name|failed to resolve host|name or service not known"
        r"|nodename nor servname|no address associated|getaddrinfo",
        FINAL,
        "there is no host {host!r}; correct the connection's host",
    ),
    (
        r"connection refused|no such file or directory.*socket|socket.*no such file or directory",
        PASSING,
        "nothing listens on port {port} of {host!r}; is the database up, and is that its port?",
    ),
    (
        "no route to host|network is unreachable|host is down",
        PASSING,
        "no way leads to {host!r}; is there a network, a firewall, a tunnel?",
    ),
    (
        r"timeout expired|timed out|connectiontimeout",
        PASSING,
        "port {port} of {host!r} does not answer; a firewall, or another port?",
    ),
    (
        "no password supplied",
        FINAL,
        "the login {login!r} needs a password, and none is set; set the connection's password",
    ),
    (
        "password authentication failed|authentication failed for user",
        FINAL,
        _WRONG_LOGIN,
    ),
    (
        r"role .* does not exist",
        FINAL,
        "there is no login {login!r}; correct the connection's login",
    ),
    (
        r"role .* is not permitted to log in",
        FINAL,
        "the login {login!r} may not log in; let it, or use another",
    ),
    (
        r"permission denied for database",
        FINAL,
        "the login {login!r} may not use the database {database!r}; grant it connect",
    ),
    (
        r"database .* does not exist",
        FINAL,
        _NO_DATABASE,
    ),
    (
        r"pg_hba\.conf",
        FINAL,
        "the server does not let the login {login!r} in from this machine (pg_hba.conf); let it",
    ),
    (
        "too many (clients|connections)|connection slots",
        PASSING,
        _FULL,
    ),
    (
        "starting up|shutting down|in recovery mode|not accepting connections",
        PASSING,
        "the database at {host!r} is not up yet, or going down",
    ),
    (
        "unable to open database file",
        FINAL,
        "the file {database!r} cannot be opened; is it there, and may it be read?",
    ),
    (
        "file is not a database|malformed",
        FINAL,
        "the file {database!r} is no SQLite database, or a damaged one",
    ),
    ("database is locked", PASSING, "the file {database!r} is locked by whoever writes it"),
    ("no such table", FINAL, _NO_TABLE),
    (
        "could not decode to utf-8",
        FINAL,
        "a text in it is not UTF-8; correct it, or offer a view without it",
    ),
    (
        "server closed the connection|connection reset|lost connection|terminating connection"
        "|connection has been closed|ssl syscall error|bad record mac",
        PASSING,
        _LOST,
    ),
    # Last: an encrypted connection that is lost says SSL too, and so may the name of a host.
    (
        r"\b(ssl|tls)\b|certificate",
        FINAL,
        "{host!r} and this machine do not agree on encryption ({words})",
    ),
]

# By PostgreSQL's sqlstate or MySQL's number.
_CODES: dict[str | int, tuple[_Kind, str]] = {
    "42501": (FINAL, _NO_GRANT),
    "42P01": (FINAL, _NO_TABLE),
    "3F000": (FINAL, "the database has no such schema; correct db_schema in the extra"),
    1040: (PASSING, _FULL),
    1044: (
        FINAL,
        "the login {login!r} may not use the database {database!r}; grant it select",
    ),
    1045: (
        FINAL,
        _WRONG_LOGIN,
    ),
    1049: (
        FINAL,
        _NO_DATABASE,
    ),
    1130: (FINAL, "the server does not let this machine in; let the login {login!r} in from here"),
    1142: (FINAL, _NO_GRANT),
    1143: (FINAL, "the login {login!r} may not read every column of {table}; grant it select"),
    1146: (FINAL, _NO_TABLE),
    1227: (FINAL, _NO_GRANT),
    2006: (PASSING, _LOST),
    2013: (PASSING, _LOST),
}
_CODES[1698] = _CODES[1045]


def open_engine(connection: Connection) -> sa.Engine:
    """Return an engine that waits no longer than the pull may take.

    Raises:
        SourceDenied: the file of a SQLite database is not there.
    """
    url = sa.make_url(connection.url)
    left = connection.deadline.left()
    patience = max(2, math.ceil(min(left, CONNECT_SECONDS)))
    arguments: dict[str, Any] = {}
    if url.get_backend_name() == "postgresql":
        arguments = {
            "connect_timeout": patience,
            "keepalives_idle": SILENT_SECONDS // 2,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": SILENT_SECONDS * 1000,
        }
    elif url.get_backend_name() in ("mysql", "mariadb"):
        arguments = {"connect_timeout": patience, "read_timeout": math.ceil(left)}
    elif url.get_backend_name() == "sqlite":
        if url.database and not Path(url.database).exists():  # SQLite would make an empty one
            raise SourceDenied(
                connection.id,
                f"there is no file {url.database!r}; correct the connection's host, which is its "
                "path",
            )
        arguments = {"timeout": min(left, SILENT_SECONDS)}
    return sa.create_engine(
        url,
        hide_parameters=True,  # rows stay out of errors
        connect_args=arguments,
        execution_options={"deadline": connection.deadline},
    )


def is_bytes(type_: sa.types.TypeEngine[Any]) -> bool:
    """Whether a column holds bytes, which are no text."""
    try:
        return type_.python_type is bytes
    except NotImplementedError:  # of a view nobody knows the types
        return False


def as_text(column: sa.ColumnElement[Any]) -> Any:
    """Return a column as the database writes it as text."""
    return sa.cast(column, sa.String).label(getattr(column, "name", None))


def changed_since(
    columns: Iterable[sa.ColumnElement[Any]],
    cursor: sa.ColumnElement[Any],
    whole: Sequence[sa.ColumnElement[Any]],
    since: Any,
    *,
    timeless: bool = False,
) -> sa.Select[Any]:
    """Return the query of what changed: the oldest change first, what has no time before all.

    Args:
        columns: that are wanted, as text.
        cursor: says when a row changed.
        whole: rows that are the same in these come together, all if one changed.
        since: as the cursor says it; None for everything.
        timeless: whether what has no time comes each time: nothing else finds it.
    """
    selected = sa.select(*map(as_text, columns))
    if since is not None:
        changed: Any = cursor >= since
        if timeless:
            changed = sa.or_(changed, cursor.is_(None))
        if whole:
            changed = sa.tuple_(*whole).in_(sa.select(*whole).where(changed))
        selected = selected.where(changed)
    last: sa.ColumnElement[Any] = sa.func.max(cursor).over(partition_by=whole) if whole else cursor
    return selected.order_by(sa.case((last.is_(None), 0), else_=1), last, *whole)


def partitions(source: sa.Connection, query: sa.Select[Any]) -> Iterator[Sequence[sa.Row[Any]]]:
    """Yield the rows of a query in chunks, none of which may outlast the pull."""
    bound(source)
    for rows in source.execute(query).partitions(CHUNK_ROWS):
        yield rows
        if source.dialect.name == "postgresql":  # others bound the whole query
            bound(source)


def bound(source: sa.Connection) -> None:
    """Let the database end the next statement where the pull ends."""
    deadline: Deadline = source.get_execution_options()["deadline"]
    milliseconds = math.ceil(deadline.left() * 1000)
    dialect = source.dialect
    if dialect.name == "postgresql":
        statement = f"set local statement_timeout = {milliseconds}"
    elif dialect.name in ("mysql", "mariadb"):
        is_mariadb = getattr(dialect, "is_mariadb", False)
        statement = (
            f"set session max_statement_time = {milliseconds / 1000}"
            if is_mariadb
            else f"set session max_execution_time = {milliseconds}"
        )
    else:
        driver: Any = source.connection.dbapi_connection
        if dialect.name == "sqlite":
            driver.set_progress_handler(lambda: deadline.has_passed, INSTRUCTIONS)
        return
    source.exec_driver_sql(statement, execution_options={"stream_results": False})


@contextmanager
def told(connection: Connection, table: str = "") -> Iterator[None]:
    """Turn what a driver says into an error that names what to correct.

    Raises:
        SourceDenied: asking again cannot help: host, login, password, database, grant.
        SourceError: it may: refused, timed out, full, lost.
        DeadlinePassed: the statement ran until the end of the pull.
    """
    try:
        yield
    except NoSuchTableError:
        raise  # says which, and is no driver's
    except (SQLAlchemyError, duckdb.Error) as error:
        raise _error(error, connection, table) from None


def _error(error: Exception, connection: Connection, table: str) -> SourceError:
    if connection.deadline.has_passed:
        return connection.deadline.passed()
    orig = getattr(error, "orig", None) or error
    cause = innermost(orig)
    words = f"{orig} {cause}".lower()
    url = sa.make_url(connection.url)
    names = {
        "host": url.host or "this machine",
        "port": url.port or "(the usual one)",
        "login": url.username or "",
        "database": url.database or "",
        "table": table or "it",
        "words": _first_words(cause),
    }
    codes = (orig.args[0] if orig.args else None, getattr(orig, "sqlstate", None))
    if code := next((code for code in codes if code in _CODES), None):
        kind, text = _CODES[code]
    else:
        kind, text = next(
            ((kind, text) for sign, kind, text in _WORDS if re.search(sign, words, re.DOTALL)),
            (PASSING, f"{type(cause).__name__}: {{words}}"),
        )
    return kind(connection.id, f"{table}: {text}".removeprefix(": ").format(**names))


def _first_words(error: BaseException) -> str:
    """Return the beginning of an error's text: no statement, no value, and never nothing."""
    words = str(error.args[-1]) if error.args else str(error)  # MySQL's number comes before them
    lines = [line for line in map(str.strip, words.splitlines()) if line]
    return masked(" ".join(lines[:2])) or "no message"
