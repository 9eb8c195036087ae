"""A PostgreSQL of one's own, for as long as a test session takes."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from rapport.sources.connection import Connection


class PostgreSQL:
    """A server on a socket of 127.0.0.1, and databases of it."""

    def __init__(self, port):
        self.port = port

    def empty_database(self):
        """Return the name of a database that has nothing in it any more."""
        name = "postgres"  # a new one costs seconds of the disk
        with self.session(name) as session:
            made = session.execute(
                "select nspname from pg_namespace where nspname like 'rapport%' "
                "union select 'public'"
            ).fetchall()
            for (schema,) in made:
                session.execute(f"drop schema {schema} cascade")
            session.execute("create schema public")
        return name

    def connection(self, database, login="owner"):
        url = f"postgresql+psycopg://{login}:hush-4711@127.0.0.1:{self.port}/{database}"
        return Connection("rapport_bi", url)

    def variable(self, database):
        """The same as an AIRFLOW_CONN variable has it."""
        connection = {"conn_type": "postgres", "host": "127.0.0.1", "port": self.port}
        return json.dumps(connection | {"login": "owner", "schema": database})

    def session(self, database, login="owner", **options):
        address = {"host": "127.0.0.1", "port": self.port, "user": login, "dbname": database}
        return psycopg.connect(**address, autocommit=True, **options)


def programs():
    """The folder of a server's programs, of whichever version is installed; None without one."""
    found = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = found or (installed[-1] if installed else None)
    return Path(path).resolve().parent if path else None


@contextmanager
def running(*, as_installed=False):
    """Run a server that keeps nothing, in a hurry unless it is to be as installed.

    Skips where none is installed.
    """
    if (binaries := programs()) is None:
        pytest.skip("no PostgreSQL is installed (Debian: apt-get install postgresql)")
    # It refuses to run as root.
    user = "postgres" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="rapport-pg-") as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        port = _free_port()

        def run(program, *arguments):
            command = [str(binaries / program), "-D", f"{folder}/data", *arguments]
            subprocess.run(command, check=True, capture_output=True, user=user, cwd=folder)

        run("initdb", "--no-sync", "-U", "owner", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        if not as_installed:
            options += " -c fsync=off -c jit=off -c shared_buffers=32MB -c autovacuum=off"
        run("pg_ctl", "-w", "-o", options, "-l", f"{folder}/log", "start")
        try:
            yield PostgreSQL(port)
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")


def _free_port():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]
