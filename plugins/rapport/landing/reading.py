"""What a night has of a stream, and how far that goes."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rapport.landing.damage import damage_named
from rapport.landing.loads import (
    DECLARED,
    LISTED,
    LOAD_ID,
    files_of,
    files_of_night,
    is_finished,
    is_unfinished,
    listed_loads,
    load_of,
    lost_loads,
)
from rapport.settings import cutoff_of


def declare(landing_dir: Path, source: str, stream: str, columns: Iterable[str]) -> None:
    """Give a stream a file with its columns and no rows, so that it can be read before any load."""
    listed = landing_dir / source / LISTED / "declared.jsonl"
    path = landing_dir / source / stream / DECLARED
    declaration = _declaration((*columns, LOAD_ID))
    if path.is_file() and path.read_bytes() == declaration and listed.is_file():
        return
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.touch()  # of a source that is never pulled too, it can be asked which loads it has
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")  # groups of a source start together
    part.write_bytes(declaration)
    part.replace(path)


@cache
def _declaration(columns: tuple[str, ...]) -> bytes:
    """A parquet file of text columns without rows."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    file = pa.BufferOutputStream()
    pq.write_table(schema.empty_table(), file)
    return bytes(file.getvalue())


def started() -> duckdb.DuckDBPyConnection:
    """Return an engine of its own, whose clock is UTC."""
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    return connection


@contextmanager
def opened(
    landing_dir: Path, source: str, streams: Iterable[str], as_of: date
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection in which each stream is a view of what the night has of it.

    The table ``resumed`` holds the ids of the loads that an unfinished pull of the same night has
    brought. The streams must have been declared, or DuckDB has no file to read.

    Raises:
        DamagedLanding: a file cannot be read; its load does not count any more.
    """
    loads = listed_loads(landing_dir, source)
    with started() as connection, damage_named(landing_dir, [source], as_of):
        connection.execute(
            "create table resumed as select unnest(?::varchar[]) as load_id",
            [[load.load_id for load in loads if is_unfinished(load, loads, as_of)]],
        )
        for stream in streams:
            files = files_of_night(landing_dir, source, stream, as_of)
            names = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
            connection.execute(
                f"""
                create view "{stream}" as
                select * from read_parquet(
                    [{names}], hive_partitioning = true, hive_types = {{load_date: date}},
                    union_by_name = true
                )
                """
            )
        yield connection


@dataclass(frozen=True)
class Reached:
    """How far the landing goes in a stream.

    Attributes:
        newest: the newest cursor up to which nothing is missing; None before the first load.
        newest_resumed: the same of the loads of an unfinished pull of the same night.
        oldest_resumed: the oldest cursor among them.
    """

    newest: datetime | None = None
    newest_resumed: datetime | None = None
    oldest_resumed: datetime | None = None


def reached(
    landing_dir: Path,
    source: str,
    stream: str,
    cursor: str,
    as_of: date,
    *,
    newest_first: bool = False,
    is_number: bool = False,
    engine: Callable[[], duckdb.DuckDBPyConnection] | None = None,
) -> Reached:
    """Return how far the night of ``as_of`` has landed a stream.

    What an unfinished pull landed counts, as its slices come in the order of the cursor; of a
    stream whose source begins with the newest it does not. Neither do records of the stream that
    another pull (a reconciliation) found. Behind a load that was lost nothing counts but what was
    pulled since.

    Cursors further than a day beyond the night's cutoff are garbage from the
    source (a record dated 2099 must not stop all later pulls) and are left out.

    Args:
        landing_dir: the landing.
        source: a folder of it.
        stream: of the source.
        cursor: a column of it.
        as_of: the night.
        newest_first: whether the source begins with the newest.
        is_number: whether it goes by a number, which is then told as microseconds since 1970.
        engine: gives one that reads the files, whose clock is UTC; left out, one is started.

    Raises:
        DamagedLanding: a file cannot be read; its load does not count any more.
    """
    loads = listed_loads(landing_dir, source)
    lost = lost_loads(loads, stream, as_of)
    lost_at = max((load.lost_at for load in lost), default="")
    counted = {
        load.load_id: is_unfinished(load, loads, as_of)
        for load in loads
        if load.is_complete
        and load.pulls(stream)
        and (not lost or load.load_id < lost[0].load_id or load.pull > lost_at)
        and not (newest_first and not is_finished(load, loads) and load.load_date != as_of)
    }
    files = [
        str(path)
        for path in files_of(landing_dir / source, as_of, stream)
        if load_of(path) in counted
    ]
    if not files:
        return Reached()
    resumed = [load_id for load_id, is_resumed in counted.items() if is_resumed]
    name = '"' + cursor.replace('"', '""') + '"'
    moment = f"try_cast({name} as timestamptz)"
    if is_number:
        moment = f"make_timestamptz(try_cast({name} as bigint))"
    with damage_named(landing_dir, [source], as_of):
        found = (
            (engine or started)()
            .execute(
                f"""
            select
                epoch_us(max(moment) filter (where not is_resumed or not $newest_first)),
                epoch_us(max(moment) filter (where is_resumed)),
                epoch_us(min(moment) filter (where is_resumed))
            from (
                select
                    {moment} as moment,
                    {LOAD_ID} in (select unnest($resumed::varchar[])) as is_resumed
                from read_parquet($files, union_by_name = true)
            )
            where moment < $end
            """,
                {
                    "files": files,
                    "resumed": resumed,
                    "newest_first": newest_first,
                    "end": cutoff_of(as_of) + timedelta(days=1),
                },
            )
            .fetchone()
        )
    return Reached(*(us and datetime.fromtimestamp(us / 1e6, tz=UTC) for us in found or ()))


def is_lost(landing_dir: Path, source: str, stream: str, as_of: date) -> bool:
    """Say whether a load of the stream was lost, and no pull has come to its end since."""
    return bool(lost_loads(listed_loads(landing_dir, source), stream, as_of))


def watermark(
    landing_dir: Path, source: str, stream: str, cursor: str, as_of: date
) -> datetime | None:
    """Return the newest cursor that the night of ``as_of`` has landed, or None before the first."""
    return reached(landing_dir, source, stream, cursor, as_of).newest
