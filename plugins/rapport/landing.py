"""The landing: parquet as it came, added to and never changed.

``<landing>/<source>/<stream>/load_date=<as of>/<load id>.<file id>.parquet``,
written by dlt. A load counts once dlt has listed it in ``<source>/_dlt_loads``;
files of a load that is not listed yet (the process was killed) are ignored by
every reader and rewritten under the same names when the load is finished.

The night of a date sees the loads of that date and earlier. Where a pull starts
is read from those same files, not from a state kept beside them: so an old night
can be pulled again after newer ones, and the start can never disagree with what
is there.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.common.pipeline import LoadInfo
from dlt.destinations import filesystem
from dlt.destinations.impl.filesystem.filesystem import CURRENT_VERSION, INIT_FILE_NAME

from rapport.errors import LandingError
from rapport.killpoints import reach
from rapport.settings import cutoff_of

LAYOUT = "{table_name}/load_date={load_date}/{load_id}.{file_id}.{ext}"
DECLARED_FILE = "declared.parquet"
DECLARED = f"load_date=1970-01-01/{DECLARED_FILE}"

# Read by dlt when it first looks something up.
_DLT_OPTIONS = {
    # Else dlt asks Airflow for a variable on every look-up; connections come as arguments.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    "NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID": "true",
    "RESTORE_FROM_DESTINATION": "false",  # the landing is the state
    "DATA_WRITER__COMPRESSION": "zstd",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "WARNING",
}


@dataclass(frozen=True)
class Landed:
    """One completed load.

    Attributes:
        load_id: dlt's id of the load; ``None`` when there was nothing to load.
        rows: rows per stream.
    """

    load_id: str | None
    rows: dict[str, int]


def configure_dlt() -> None:
    """Set dlt's options for this process; nothing of dlt may be used before."""
    os.environ.update(_DLT_OPTIONS)


def declare(landing_dir: Path, source: str, stream: str, columns: Iterable[str]) -> None:
    """Give a stream a file with its columns and no rows, so that it can be read before any load."""
    listed = landing_dir / source / "_dlt_loads" / "declared.jsonl"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.touch()  # of a source that is never pulled too, it can be asked which loads it has
    path = landing_dir / source / stream / DECLARED
    schema = pa.schema([(column, pa.string()) for column in (*columns, "_dlt_load_id")])
    if path.exists() and pq.read_schema(path).names == schema.names:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")  # groups of a source start together
    pq.write_table(schema.empty_table(), part)
    part.replace(path)


def completed_loads(landing_dir: Path, source: str) -> set[str]:
    """Return the ids of the loads of a source that arrived as a whole."""
    return {
        row["load_id"]
        for path in (landing_dir / source / "_dlt_loads").glob("*.jsonl")
        for row in map(json.loads, path.read_text().splitlines())
        if row.get("status") == 0
    }


def loads_of_night(landing_dir: Path, source: str, as_of: date) -> set[str]:
    """Return the ids of the completed loads that the night of ``as_of`` sees."""
    seen = {
        load_id
        for folder in (landing_dir / source).glob("*/load_date=*")
        if date.fromisoformat(folder.name.removeprefix("load_date=")) <= as_of
        for path in folder.glob("*.parquet")
        for load_id in [path.name.rsplit(".", 2)[0]]
    }
    return seen & completed_loads(landing_dir, source)


@contextmanager
def opened(
    landing_dir: Path, source: str, streams: Iterable[str], as_of: date
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection in which each stream is a view of what the night has of it.

    The streams must have been declared, or DuckDB has no file to read.
    """
    loads = sorted(loads_of_night(landing_dir, source, as_of))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.execute("create table loads as select unnest(?::varchar[]) as load_id", [loads])
        for stream in streams:
            files = str(landing_dir / source / stream / "*" / "*.parquet").replace("'", "''")
            connection.execute(
                f"""
                create view "{stream}" as
                select * from read_parquet(
                    '{files}', hive_partitioning = true, hive_types = {{load_date: date}},
                    union_by_name = true
                )
                where
                    load_date <= date '{as_of.isoformat()}'
                    and _dlt_load_id in (select load_id from loads)
                """
            )
        yield connection


def watermark(
    landing_dir: Path, source: str, stream: str, cursor: str, as_of: date
) -> datetime | None:
    """Return the newest cursor that the night of ``as_of`` has landed, or None before the first.

    Cursors further than a day beyond the night's cutoff are garbage from the
    source (a record dated 2099 must not stop all later pulls) and are left out.
    """
    if not loads_of_night(landing_dir, source, as_of):
        return None
    with opened(landing_dir, source, [stream], as_of) as connection:
        newest = connection.execute(
            f"""
            select epoch_us(max(moment))
            from (select try_cast("{cursor}" as timestamptz) as moment from "{stream}")
            where moment < ?
            """,
            [cutoff_of(as_of) + timedelta(days=1)],
        ).fetchone()
    if newest is None or newest[0] is None:
        return None
    return datetime.fromtimestamp(newest[0] / 1e6, tz=UTC)


def land(
    data: Any, *, name: str, source: str, landing_dir: Path, work_dir: Path, as_of: date
) -> Landed:
    """Finish what an earlier run left behind, then add one load to the landing.

    Args:
        data: a dlt source or resources.
        name: of the pipeline; two loads of one name never run at once.
        source: folder of the landing.
        landing_dir: where loads arrive.
        work_dir: working folders, kept across restarts; one per night and name.
        as_of: the night that the load belongs to.

    Returns:
        The load, after it was found in the landing with every row; without an id
        and rows when the source had nothing new.

    Raises:
        LandingError: the load is not listed as complete, or rows are missing.
    """
    configure_dlt()
    _open_storage(landing_dir / source)
    for folder in _unfinished(work_dir, name):
        pipeline = _pipeline(name, source, landing_dir, folder, date.fromisoformat(folder.name))
        if pipeline.has_pending_data:
            pipeline.normalize()
            pipeline.load()
        shutil.rmtree(folder / name)

    pipeline = _pipeline(name, source, landing_dir, work_dir / as_of.isoformat(), as_of)
    pipeline.extract(data, loader_file_format="parquet")
    reach("extracted")
    pipeline.normalize()
    reach("normalized")
    info = pipeline.load()
    landed = _confirm(info, pipeline, source, landing_dir, as_of)
    shutil.rmtree(work_dir / as_of.isoformat() / name)
    return landed


def _open_storage(folder: Path) -> None:
    """Make a source's folder as dlt makes it, but in one step.

    dlt makes the folder first and marks it after: two pulls that start together, or one
    that is killed in between, would leave a folder that it then refuses for good.
    """
    mark = folder / INIT_FILE_NAME
    if mark.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{INIT_FILE_NAME}.{os.getpid()}"
    part.write_text(
        json.dumps({"initial_version": CURRENT_VERSION, "current_version": CURRENT_VERSION})
    )
    part.replace(mark)


def _unfinished(work_dir: Path, name: str) -> Iterator[Path]:
    """Night folders in which a pipeline of this name was interrupted, oldest first."""
    if work_dir.is_dir():
        yield from (folder for folder in sorted(work_dir.iterdir()) if (folder / name).is_dir())


def _pipeline(
    name: str, source: str, landing_dir: Path, pipelines_dir: Path, as_of: date
) -> dlt.Pipeline:
    pipelines_dir.mkdir(parents=True, exist_ok=True)
    return dlt.pipeline(
        name,
        destination=filesystem(
            bucket_url=landing_dir.as_uri(),
            layout=LAYOUT,
            extra_placeholders={"load_date": as_of.isoformat()},
        ),
        dataset_name=source,
        pipelines_dir=str(pipelines_dir),
    )


def _confirm(
    info: LoadInfo, pipeline: dlt.Pipeline, source: str, landing_dir: Path, as_of: date
) -> Landed:
    """Count what arrived; a load that says it succeeded is not yet believed."""
    info.raise_on_failed_jobs()
    if not info.loads_ids:
        return Landed(None, {})
    if len(info.loads_ids) != 1:
        raise LandingError(f"{pipeline.pipeline_name}: expected one load, got {info.loads_ids}")
    load_id = info.loads_ids[0]
    if load_id not in completed_loads(landing_dir, source):
        raise LandingError(f"{source}: load {load_id} is not listed in {source}/_dlt_loads")
    sent = {
        table: rows
        for table, rows in pipeline.last_trace.last_normalize_info.row_counts.items()
        if not table.startswith("_dlt")
    }
    arrived = {
        table: _rows_in(landing_dir / source / table / f"load_date={as_of}", load_id)
        for table in sent
    }
    if arrived != sent:
        raise LandingError(f"{source}: load {load_id} sent {sent} rows, but {arrived} arrived")
    return Landed(load_id, sent)


def _rows_in(folder: Path, load_id: str) -> int:
    files = [str(path) for path in folder.glob(f"{load_id}.*.parquet")]
    if not files:
        return 0
    with duckdb.connect() as connection:
        counted = connection.execute(
            "select sum(num_rows) from parquet_file_metadata(?)", [files]
        ).fetchone()
    return int(counted[0]) if counted else 0
