"""What a night has of a stream, and how far that goes."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rapport.landing.damage import damage_named
from rapport.landing.loads import (
    DECLARED,
    LISTED,
    LOAD_ID,
    files_of_night,
    is_finished,
    is_unfinished,
    listed_loads,
    loads_of_night,
    lost_loads,
)
from rapport.settings import cutoff_of


def declare(landing_dir: Path, source: str, stream: str, columns: Iterable[str]) -> None:
    """Give a stream a file with its columns and no rows, so that it can be read before any load."""
    listed = landing_dir / source / LISTED / "declared.jsonl"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.touch()  # of a source that is never pulled too, it can be asked which loads it has
    path = landing_dir / source / stream / DECLARED
    schema = pa.schema([(column, pa.string()) for column in (*columns, LOAD_ID)])
    with suppress(OSError, pa.ArrowException):  # not there, or damaged: it is written anew
        if pq.read_schema(path).names == schema.names:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")  # groups of a source start together
    pq.write_table(schema.empty_table(), part)
    part.replace(path)


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
    with duckdb.connect() as connection, damage_named(landing_dir, [source], as_of):
        connection.execute("set timezone = 'UTC'")
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
) -> Reached:
    """Return how far the night of ``as_of`` has landed a stream.

    What an unfinished pull landed counts, as its slices come in the order of the cursor; of a
    stream whose source begins with the newest it does not. Neither do records of the stream that
    another pull (a reconciliation) found. Behind a load that was lost nothing counts but what was
    pulled since.

    Cursors further than a day beyond the night's cutoff are garbage from the
    source (a record dated 2099 must not stop all later pulls) and are left out.
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
    if not counted.keys() & loads_of_night(landing_dir, source, as_of):
        return Reached()
    with opened(landing_dir, source, [stream], as_of) as connection:
        connection.execute(
            "create table counted as select unnest(?::varchar[]) as load_id, "
            "unnest(?::boolean[]) as is_resumed",
            [list(counted), list(counted.values())],
        )
        found = connection.execute(
            f"""
            select
                epoch_us(max(moment) filter (where not is_resumed or not ?)),
                epoch_us(max(moment) filter (where is_resumed)),
                epoch_us(min(moment) filter (where is_resumed))
            from (
                select try_cast("{cursor}" as timestamptz) as moment, is_resumed
                from "{stream}"
                inner join counted on {LOAD_ID} = load_id
            )
            where moment < ?
            """,
            [newest_first, cutoff_of(as_of) + timedelta(days=1)],
        ).fetchone()
    return Reached(*(us and datetime.fromtimestamp(us / 1e6, tz=UTC) for us in found or ()))


def is_lost(landing_dir: Path, source: str, stream: str, as_of: date) -> bool:
    """Say whether a load of the stream was lost, and no pull has come to its end since."""
    return bool(lost_loads(listed_loads(landing_dir, source), stream, as_of))


def watermark(
    landing_dir: Path, source: str, stream: str, cursor: str, as_of: date
) -> datetime | None:
    """Return the newest cursor that the night of ``as_of`` has landed, or None before the first."""
    return reached(landing_dir, source, stream, cursor, as_of).newest
