"""A database connection that fails says which part of it is wrong, and never its password.

The drivers are the real ones; the servers refuse as real ones do, and do nothing else.
"""

import socket
import sqlite3
import struct
import time
from contextlib import closing

import psycopg
import pymysql
import pytest
import sqlalchemy as sa

from rapport.errors import DeadlinePassed, SourceDenied, SourceError
from rapport.sources.connection import Connection
from rapport.sources.database import open_engine, partitions, told
from tests.listening import listening

PASSWORD = "hush-4711"


def postgres_refusal(code, message):
    fields = f"SFATAL\0VFATAL\0C{code}\0M{message}\0\0".encode()
    return b"E" + struct.pack("!i", len(fields) + 4) + fields


def mysql_refusal(number, message):
    payload = b"\xff" + struct.pack("<H", number) + b"#28000" + message.encode()
    return struct.pack("<I", len(payload))[:3] + b"\0" + payload


@pytest.fixture
def refusing():
    """Return a port that refuses every login with some bytes."""
    with listening() as serve:

        def start(refusal, *, greets=False):
            def answer(connection):
                while not greets and struct.unpack("!ii", connection.recv(8))[1] >> 16 == 1234:
                    connection.sendall(b"N")  # no encryption
                connection.sendall(refusal)

            return serve(answer)

        yield start


def error_of(url, **options):
    """Return what opening a database comes to."""
    connection = Connection("rapport_shop", url, options=options)
    with pytest.raises(SourceError) as failed, told(connection, "orders"):
        open_engine(connection).connect()
    assert PASSWORD not in str(failed.value)
    assert "rapport_shop" in str(failed.value)
    return failed.value


def url_of(driver, port, host="127.0.0.1"):
    return f"{driver}://reader:{PASSWORD}@{host}:{port}/shop"


@pytest.fixture
def closed_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return listener.getsockname()[1]


DRIVERS = pytest.mark.parametrize("driver", ["postgresql+psycopg", "mysql+pymysql"])


@DRIVERS
def test_a_host_that_does_not_exist_is_named(driver):
    error = error_of(url_of(driver, 1, "no-such-host.invalid"))
    assert "host 'no-such-host.invalid'" in str(error)


@DRIVERS
def test_a_port_on_which_nothing_listens_is_named_and_tried_again(driver, closed_port):
    error = error_of(url_of(driver, closed_port))
    assert f"nothing listens on port {closed_port} of '127.0.0.1'" in str(error)
    assert not isinstance(error, SourceDenied)


@pytest.mark.parametrize(("code", "message", "said", "is_final"), [
    ("28P01", 'password authentication failed for user "reader"', "password of the login", True),
    ("28000", 'role "reader" does not exist', "no login 'reader'", True),
    ("28000", 'role "reader" is not permitted to log in', "may not log in", True),
    ("28000", 'no pg_hba.conf entry for host "10.0.0.1", user "reader"', "from this machine", True),
    ("3D000", 'database "shop" does not exist', "no database 'shop'", True),
    ("42501", 'permission denied for database "shop"', "may not use the database 'shop'", True),
    ("53300", "sorry, too many clients already", "no connection left", False),
    ("57P03", "the database system is starting up", "not up yet", False),
    ("53300", "sorry, ssl-bridge has too many clients already", "no connection left", False),
    ("XX000", "server does not support SSL, but SSL was required", "agree on encryption", True),
    ("XX000", "Passwort-Authentifizierung fehlgeschlagen", "Passwort-Authentifizierung", False),
])  # fmt: skip
def test_postgresql_says_which_part_is_wrong(refusing, code, message, said, is_final):
    port = refusing(postgres_refusal(code, message))
    error = error_of(url_of("postgresql+psycopg", port))
    assert said in str(error)
    assert isinstance(error, SourceDenied) == is_final


@pytest.mark.parametrize(("number", "message", "said", "is_final"), [
    (1045, "Access denied for user 'reader'@'x' (using ...)", "password of the login", True),
    (1044, "Access denied for user 'reader' to database 'shop'", "not use the database", True),
    (1049, "Unknown database 'shop'", "no database 'shop'", True),
    (1130, "Host 'x' is not allowed to connect", "this machine", True),
    (1040, "Too many connections", "no connection left", False),
])  # fmt: skip
def test_mysql_says_which_part_is_wrong(refusing, number, message, said, is_final):
    port = refusing(mysql_refusal(number, message), greets=True)
    error = error_of(url_of("mysql+pymysql", port))
    assert said in str(error)
    assert isinstance(error, SourceDenied) == is_final


@pytest.mark.parametrize(("orig", "said"), [
    (pymysql.err.OperationalError(1142, "SELECT command denied"), "may not read orders"),
    (pymysql.err.ProgrammingError(1146, "Table 'shop.orders' doesn't exist"), "no table or view"),
    (pymysql.err.OperationalError(2013, "Lost connection during query"), "connection was lost"),
    (psycopg.OperationalError("SSL connection has been closed unexpectedly"), "was lost"),
    (psycopg.OperationalError("SSL SYSCALL error: EOF detected"), "was lost"),
    (psycopg.errors.AdminShutdown("terminating connection\nSSL connection has been"), "was lost"),
    (sqlite3.OperationalError("Could not decode to UTF-8 column with text 'Ada'"), "not UTF-8"),
    (sqlite3.OperationalError("no such table: orders"), "no table or view orders"),
    (sqlite3.DatabaseError("file is not a database"), "no SQLite database"),
    (sqlite3.OperationalError("database is locked"), "locked"),
    (sqlite3.OperationalError(""), "OperationalError: no message"),
    (sqlite3.OperationalError("odd with exception:\n\n value 'Ada'"), "with exception: value …"),
])  # fmt: skip
def test_what_fails_later_names_the_table_and_never_says_nothing(orig, said):
    connection = Connection("rapport_shop", "sqlite:///shop.sqlite")
    with pytest.raises(SourceError) as failed, told(connection, "orders"):
        raise sa.exc.OperationalError("select secret", {}, orig)
    assert "orders: " in str(failed.value)
    assert said in str(failed.value)
    assert "secret" not in str(failed.value)
    assert "was lost" not in said or not isinstance(failed.value, SourceDenied)


def test_a_server_that_accepts_and_says_nothing_is_left_in_time():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        began = time.monotonic()
        error_of(url_of("mysql+pymysql", listener.getsockname()[1]), deadline_seconds=1)
        assert time.monotonic() - began < 10


def test_a_statement_of_sqlite_is_cut_at_the_deadline(tmp_path):
    path = tmp_path / "shop.sqlite"
    sqlite3.connect(path).close()
    connection = Connection("rapport_shop", f"sqlite:///{path}", options={"deadline_seconds": 0.3})
    endless = sa.text(
        "with recursive n(i) as (select 1 union all select i + 1 from n) select sum(i) from n"
    )
    with (
        pytest.raises(DeadlinePassed),
        told(connection),
        open_engine(connection).connect() as source,
    ):
        list(partitions(source, endless))
