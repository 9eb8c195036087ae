"""Write a pull into the landing, slice by slice."""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rapport.errors import LandingError
from rapport.killpoints import reach
from rapport.landing.damage import lose, set_aside_damaged
from rapport.landing.loads import (
    LISTED,
    LOAD_ID,
    files_of,
    is_unfinished,
    listed_loads,
    load_of,
    lock_of,
    locked,
    new_id,
    put_on_list,
    read_list,
    sync,
)
from rapport.landing.rewriting import settle
from rapport.settings import make_private

logger = logging.getLogger(__name__)

# A slice is landed when it is this old or this large: so much a killed pull loses, and so much of
# it is held in memory.
SLICE_SECONDS = 60.0
SLICE_BYTES = 64 * 2**20
MOVING = "moving."


class Slices:
    """One pull of a group, landed slice by slice.

    Used as a context: on the way in, what earlier pulls left unfinished is swept; on the way out,
    also by an error, what may stand on its own is landed, and the rest is given up.

    Args:
        landing_dir: where loads arrive.
        work_dir: holds a folder for each group, in which nothing outlives a pull.
        source: folder of the landing.
        group: its name; two pulls of one group never run at once.
        streams: those of the group.
        as_of: the night that the loads belong to.
        seconds: how old a slice gets.
        before_landing: called when nobody else may change the source's folder any more and nothing
            was changed yet; what it raises keeps the slice out.

    Attributes:
        rows: landed per stream.
    """

    def __init__(
        self,
        landing_dir: Path,
        work_dir: Path,
        source: str,
        group: str,
        streams: Iterable[str],
        as_of: date,
        *,
        seconds: float | None = None,
        before_landing: Callable[[], None] = lambda: None,
    ) -> None:
        self.rows: dict[str, int] = {}
        self._before_landing = before_landing
        self._landing_dir = landing_dir
        self._folder = work_dir / group
        self._source = source
        self._streams = tuple(streams)
        self._as_of = as_of
        self._seconds = SLICE_SECONDS if seconds is None else seconds
        self._lock = locked(work_dir / f"{group}.lock", by=group)
        self._ready: dict[str, list[pa.Table]] = {}
        self._pending: list[tuple[str, pa.Table]] = []
        self._erased: dict[str, int] = {}
        self._bytes = 0
        self._since = time.monotonic()
        self._last_id = ""
        self._pull = ""

    def __enter__(self) -> Self:
        self._lock.__enter__()
        try:
            shutil.rmtree(self._folder, ignore_errors=True)
            for left in self._folder.parent.glob(f"*/{self._folder.name}"):
                shutil.rmtree(left)  # of a version that resumed them
            for folder in (self._landing_dir, self._folder.parent, self._folder):
                make_private(folder)
            _sweep(self._landing_dir, self._source)
            set_aside_damaged(self._landing_dir, self._source, self._as_of)
            loads = listed_loads(self._landing_dir, self._source)
            self._pull = next(
                (
                    load.pull
                    for load in reversed(loads)
                    if load.streams == self._streams and is_unfinished(load, loads, self._as_of)
                ),
                "",
            )
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.cut()
                self._land(is_last=True)
            else:
                self._pending.clear()
                # The pull's own error is what to tell; a slice that cannot be landed is lost.
                with suppress(OSError, pa.ArrowException, LandingError):
                    self._land(is_last=False)
        finally:
            with suppress(OSError):
                shutil.rmtree(self._folder)
            self._lock.__exit__(None, None, None)

    def add(self, stream: str, rows: pa.Table, whole_by: Sequence[str] = ()) -> None:
        """Take rows, which do not stand on their own yet.

        Args:
            stream: whose.
            rows: text in all columns, of which none is the load's id.
            whole_by: rows that are the same in these columns come one after the other, and belong
                into one load: all but the last of them stand on their own at once.
        """
        if not rows.num_rows:
            return
        if whole_by:
            if self._pending and self._pending[-1][0] != stream:
                self.cut()
            rows = pa.concat_tables(
                [*(table for _, table in self._pending), rows], promote_options="default"
            )
            self._pending.clear()
            begun = rows.num_rows - _run_at_end(rows, whole_by)
            self._pending.append((stream, rows.slice(0, begun)))
            self.cut()
            rows = rows.slice(begun)
        self._pending.append((stream, rows))

    def leave_out(self, stream: str, erased: int) -> None:
        """Say that so many rows of a stream came and are kept out, as erased people's."""
        if erased:
            self._erased[stream] = self._erased.get(stream, 0) + erased

    def cut(self, *, at_once: bool = False) -> None:
        """Say that all rows so far may stand on their own; land them if there is enough of them.

        Args:
            at_once: land them however few there are, so that what comes next is a later load.
        """
        for stream, rows in self._pending:
            if rows.num_rows:
                self._ready.setdefault(stream, []).append(rows)
                self._bytes += rows.nbytes
        self._pending.clear()
        is_old = time.monotonic() - self._since >= self._seconds
        if at_once or self._bytes >= SLICE_BYTES or is_old:
            self._land(is_last=False)

    def _land(self, *, is_last: bool) -> None:
        """Land what is ready as one load, complete or absent.

        A pull without any rows leaves nothing; one that ends after its last slice says so.
        """
        tables = {
            stream: pa.concat_tables(parts, promote_options="default")
            for stream, parts in self._ready.items()
        }
        self._ready, self._bytes, self._since = {}, 0, time.monotonic()
        erased, self._erased = self._erased, {}
        if not tables and not erased and not (is_last and self._pull):
            return
        load_id = new_id(self._landing_dir, self._source, self._last_id)
        files: dict[str, tuple[Path, int]] = {}
        for stream, table in tables.items():
            path = self._folder / f"{stream}.parquet"
            ids = pa.repeat(pa.scalar(load_id), table.num_rows)
            _write(table.append_column(LOAD_ID, ids), path)
            name = f"{stream}/load_date={self._as_of}/{load_id}.0.parquet"
            files[name] = path, path.stat().st_size
        sync(path for path, _ in files.values())
        reach("slice written")
        folder = self._landing_dir / self._source
        with locked(lock_of(self._landing_dir, self._source)):
            self._before_landing()
            for name, (path, _) in files.items():
                _move(path, folder / name)
                reach("slice half in place")
            nights = [(folder / name).parent for name in files]
            sync([*nights, *(night.parent for night in nights)])
            reach("slice in place")
            put_on_list(
                self._landing_dir,
                self._source,
                {
                    "load_id": load_id,
                    "schema_name": self._source,
                    "status": 0,
                    "inserted_at": datetime.now(UTC).isoformat(),
                    "load_date": str(self._as_of),
                    "streams": self._streams,
                    "pull": self._pull or load_id,
                    "is_last": is_last,
                    "files": {name: size for name, (_, size) in files.items()},
                }
                | ({"erased": erased} if erased else {}),
            )
        reach("slice listed")
        self._last_id, self._pull = load_id, self._pull or load_id
        for stream, table in tables.items():
            self.rows[stream] = self.rows.get(stream, 0) + table.num_rows


def _run_at_end(rows: pa.Table, columns: Sequence[str]) -> int:
    """How many rows at the end are the same as the last one in these columns."""
    differs = pa.array([False] * rows.num_rows)
    for name in columns:
        column = rows[name]
        same = pc.equal(column, column[-1]) if column[-1].is_valid else pc.is_null(column)
        differs = pc.or_(differs, pc.invert(pc.fill_null(same, False)))
    last = [index for index, differs in enumerate(differs.to_pylist()) if differs][-1:]
    return rows.num_rows - (last[0] + 1 if last else 0)


def _write(table: pa.Table, path: Path) -> None:
    """Write a file, counted."""
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)
    if (rows := pq.read_metadata(path).num_rows) != table.num_rows:
        raise LandingError(f"{path}: {table.num_rows} rows were written, but {rows} are there")


def _move(path: Path, target: Path) -> None:
    """Give a finished file its name in the landing, which is either there whole or not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if same_disk(path, target.parent):
        path.replace(target)
    else:
        part = target.with_name(f"{MOVING}{target.stem}.part")
        shutil.copyfile(path, part)
        sync([part])
        part.replace(target)


def same_disk(*paths: Path) -> bool:
    """Whether files can be moved from one path to the other in one step."""
    return len({path.stat().st_dev for path in paths}) == 1


def _sweep(landing_dir: Path, source: str) -> None:
    """Remove what a killed process left: files come and are listed under the lock held here."""
    folder = landing_dir / source
    with locked(lock_of(landing_dir, source)):
        listed = folder / LISTED
        for listed_in, loads in list(read_list(landing_dir, source)):
            for load in loads:
                if not load.is_complete and not load.lost_at:
                    logger.warning("%s: its line in the list of loads is damaged", listed_in)
                    lose(landing_dir, source, load.load_id)
        settle(landing_dir, source)
        known = {load.load_id for load in listed_loads(landing_dir, source)}
        for path in [*files_of(folder), *listed.glob("*.part"), *folder.glob(f"*/*/{MOVING}*")]:
            if path.suffix == ".part" or load_of(path) not in known:
                path.unlink()
    for load in listed_loads(landing_dir, source):
        if load.lost_at:  # a process that was killed between the two steps of losing it
            for name in load.files:
                with suppress(FileNotFoundError):
                    (folder / name).unlink()
