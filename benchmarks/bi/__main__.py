"""Loading a release into Postgres, beside the bare copy of the same tables by DuckDB's extension.

    python -m benchmarks.bi <folder of a release> [--url postgresql+psycopg://...] [--rounds 3]

Without --url a PostgreSQL of its own is run and removed, with its default settings.
"""

import argparse
import logging
import statistics
import tempfile
import time
from contextlib import closing, nullcontext
from pathlib import Path

import sqlalchemy as sa

from rapport import bi
from rapport.bi.load import opened, tables_of
from rapport.bi.server import Server
from rapport.release.content import quoted
from rapport.sources.connection import Connection
from tests import postgresql


class Told(logging.Handler):
    """Keeps what the loader says of its own times."""

    def emit(self, record):
        _, _, self.loaded, self.compared = record.args


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("release", type=Path)
    parser.add_argument("--url")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = options.release.resolve()
    with nullcontext() if options.url else postgresql.running(as_installed=True) as own:
        connection = (
            Connection("rapport_bi", options.url) if options.url else own.connection("postgres")
        )
        rounds = [measured(folder, connection) for _ in range(options.rounds)]
    print(f"{'':<10}{'bare s':>10}{'loaded s':>10}{'ratio':>8}{'compared s':>12}{'all s':>8}")
    for number, (bare, loaded, compared, whole) in enumerate(rounds, 1):
        ratio = loaded / bare
        print(
            f"{number:<10}{bare:>10.1f}{loaded:>10.1f}{ratio:>8.2f}{compared:>12.1f}{whole:>8.1f}"
        )
    ratios = [loaded / bare for bare, loaded, *_ in rounds]
    print(f"median ratio {statistics.median(ratios):.2f}")


def measured(folder, connection):
    """One round: both, by turns, into an empty database."""
    server = Server(connection)
    clean(server)
    began = time.monotonic()
    bare_copy(server, folder)
    bare = time.monotonic() - began
    clean(server)
    told, logger = Told(), logging.getLogger("rapport.bi.load")
    logger.addHandler(told)
    logger.setLevel(logging.INFO)
    with tempfile.TemporaryDirectory() as releases:
        (Path(releases) / folder.name).symlink_to(folder)
        (Path(releases) / "current").symlink_to(folder.name)
        began = time.monotonic()
        assert bi.load(connection, Path(releases)) == folder.name
        whole = time.monotonic() - began
    logger.removeHandler(told)
    return bare, whole - told.compared, told.compared, whole


def bare_copy(server, folder):
    """What anybody would write: each table of the release, one after the other."""
    with closing(opened(folder, {})) as duck:
        server.attach(duck, "bi")
        duck.execute("create schema bi.bare")
        for table in tables_of(folder):
            name = quoted("release", table["schema"], table["name"])
            duck.execute(f"create table bi.bare.{quoted(table['name'])} as from {name}")


def clean(server):
    with server.engine.connect() as session:
        names = session.scalars(
            sa.text(
                "select nspname from pg_namespace "
                "where nspname = 'bare' or starts_with(nspname, 'rapport')"
            )
        ).all()
        for name in names:
            session.execute(sa.text(f"drop schema {name} cascade"))
        session.execute(sa.text("checkpoint"))


if __name__ == "__main__":
    main()
