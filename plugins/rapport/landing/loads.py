"""The list of loads, and the files that belong to them."""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapport.errors import LandingError

DECLARED_FILE = "declared.parquet"
DECLARED = f"load_date=1970-01-01/{DECLARED_FILE}"
LISTED, DAMAGED = "_dlt_loads", "_damaged"
LOAD_ID = "_dlt_load_id"
# Columns that every landed row has, or is given when it is read; a source's own get a number.
OF_LANDING = ("load_date", LOAD_ID, "_dlt_id", "load_id", "is_new_load", "row_hash", "raw")
# For so long a later try of the same night goes on where an unfinished one stopped. It is well
# below the shortest overlap (`Stream.overlap`): the next night reads what came late meanwhile.
RESUMED_SECONDS = 12 * 3600.0
SYNCED_AT_ONCE = 8


@dataclass(frozen=True)
class Load:
    """A line of the list of loads.

    Attributes:
        load_id: sorts by time.
        is_complete: False once a file of it was found damaged.
        load_date: the night it belongs to; None where dlt wrote it: its files say it then.
        streams: those of the group that was pulled; None where dlt wrote it.
        pull: id of the pull's first slice; empty where dlt wrote it, which landed pulls whole.
        is_last: whether the pull came to its end with it.
        files: relative to the source's folder, each with its bytes.
        lost_at: an id of the moment at which damage was found.
        erased: rows that erased people had in it, by stream: kept out of it, or taken out since.
        becoming: what files are being rewritten to, `rapport.landing.rewriting`.
        rewritten_by: the requests, or the like, for which files of it were rewritten.
    """

    load_id: str
    is_complete: bool = True
    load_date: date | None = None
    streams: tuple[str, ...] | None = None
    pull: str = ""
    is_last: bool = True
    files: dict[str, int] = field(default_factory=dict, hash=False)
    lost_at: str = ""
    erased: dict[str, int] = field(default_factory=dict, hash=False)
    becoming: dict[str, dict[str, int]] = field(default_factory=dict, hash=False)
    rewritten_by: tuple[str, ...] = ()

    def pulls(self, stream: str) -> bool:
        """Whether the pull was of this stream, and not of another that found a record of it."""
        return self.streams is None or stream in self.streams


def listed_loads(landing_dir: Path, source: str) -> list[Load]:
    """Return every load of a source that was ever listed, in the order of their ids."""
    return sorted(
        (load for _, loads in read_list(landing_dir, source) for load in loads),
        key=lambda load: load.load_id,
    )


def completed_loads(landing_dir: Path, source: str) -> set[str]:
    """Return the ids of the loads of a source that arrived as a whole."""
    return {load.load_id for load in listed_loads(landing_dir, source) if load.is_complete}


def last_night(landing_dir: Path, sources: Iterable[str]) -> date | None:
    """Return the latest night of which anything of some sources landed, or None."""
    nights = {
        date.fromisoformat(folder.name.partition("=")[2])
        for source in sources
        for folder in (landing_dir / source).glob("*/load_date=????-??-??")
        if any(path.name != DECLARED_FILE for path in folder.glob("*.parquet"))
    }
    return max(nights, default=None)


def loads_of_night(landing_dir: Path, source: str, as_of: date) -> set[str]:
    """Return the ids of the completed loads that the night of ``as_of`` sees."""
    completed = completed_loads(landing_dir, source)
    return {load_of(path) for path in files_of(landing_dir / source, as_of)} & completed


def newest_files(
    landing_dir: Path, source: str, streams: Iterable[str], most: int = 3
) -> dict[str, list[Path]]:
    """Return the newest files of each stream, of completed loads, the newest first.

    Returns:
        Paths relative to the source's folder, at most ``most`` of each; nothing of a stream of
        which nothing landed.
    """
    found: dict[str, list[Path]] = {stream: [] for stream in streams}
    for load in reversed(listed_loads(landing_dir, source)):
        for name in load.files if load.is_complete else ():
            files = found.get(name.partition("/")[0])
            if files is not None and len(files) < most:
                files.append(Path(name))
    return {stream: files for stream, files in found.items() if files}


def files_of_night(landing_dir: Path, source: str, stream: str, as_of: date) -> list[Path]:
    """Return the files that the night has of a stream: of completed loads only, and no other.

    The empty file that declares the stream comes first, if there is one.
    """
    completed = completed_loads(landing_dir, source)
    declared = landing_dir / source / stream / DECLARED
    files = [
        path for path in files_of(landing_dir / source, as_of, stream) if load_of(path) in completed
    ]
    return [declared, *sorted(files)] if declared.exists() else sorted(files)


def kept(landing_dir: Path, source: str) -> tuple[dict[str, bytes], dict[str, Path]]:
    """Return what a copy of a source's folder needs, by name relative to it.

    Returns:
        The files of its list of loads as they are now, and the files of the loads that they list
        with those that declare streams. The list is read first: its files are there by then.
    """
    folder = landing_dir / source
    listed = {
        f"{LISTED}/{path.name}": path.read_bytes() for path in (folder / LISTED).glob("*.jsonl")
    }
    completed = completed_loads(landing_dir, source)
    files = [path for path in files_of(folder) if load_of(path) in completed]
    return listed, {
        str(path.relative_to(folder)): path for path in [*folder.glob(f"*/{DECLARED}"), *files]
    }


def names_files(name: str) -> bool:
    """Whether a file of a source's folder is one of its list of loads."""
    return name.startswith(f"{LISTED}/") and name.endswith(".jsonl")


def is_finished(load: Load, loads: Sequence[Load]) -> bool:
    return any(other.pull == load.pull and other.is_last for other in loads)


def is_unfinished(load: Load, loads: Sequence[Load], as_of: date) -> bool:
    """Whether a load belongs to a pull of this very night that did not come to its end lately."""
    return (
        load.is_complete
        and load.load_date == as_of
        and not is_finished(load, loads)
        and time.time() - float(load.load_id) < RESUMED_SECONDS
    )


def lost_loads(loads: Sequence[Load], stream: str, as_of: date) -> list[Load]:
    """The lost loads of a stream that no later pull has made good, as the night sees it."""
    return [
        load
        for load in loads
        if not load.is_complete
        and (load.load_date is None or load.load_date <= as_of)
        and (not load.files or any(name.startswith(f"{stream}/") for name in load.files))
        and not any(
            later.is_last
            and later.pull > load.lost_at
            and later.pulls(stream)
            and (later.load_date or as_of) <= as_of
            for later in loads
        )
    ]


def put_on_list(landing_dir: Path, source: str, row: dict[str, Any]) -> None:
    """Put a load on the list, or change its line, in one step."""
    folder = landing_dir / source / LISTED
    folder.mkdir(parents=True, exist_ok=True)
    known = list(folder.glob(f"*__{row['load_id']}.jsonl"))
    path = known[0] if known else folder / f"{source}__{row['load_id']}.jsonl"
    _write_lines(path, [row])


def amend_on_list(landing_dir: Path, source: str, load_id: str, **changes: Any) -> None:
    """Change some of what the list says of a load, in one step; None takes it away."""
    for name, loads in read_list(landing_dir, source):
        if any(load.load_id == load_id for load in loads):
            rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
            changed = [
                {k: v for k, v in (row | changes).items() if v is not None}
                if str(row["load_id"]) == load_id
                else row
                for row in rows
            ]
            return _write_lines(Path(name), changed)
    raise LandingError(f"{landing_dir / source}: the load {load_id} is not on the list")


def _write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    part = path.with_suffix(".part")
    part.write_text("".join(json.dumps(row) + "\n" for row in rows))
    sync([part])
    part.replace(path)
    sync([path.parent])


def sync(paths: Iterable[Path]) -> None:
    """Have files, or the names in folders, on the disk: together, as a disk writes them at once."""
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        list(pool.map(_sync, paths))


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def new_id(landing_dir: Path, source: str, last: str = "") -> str:
    """An id that sorts behind all that are there, also where the clock was set back."""
    now = f"{time.time_ns() / 1e9:.6f}"
    listed = [entry.name for entry in _entries(landing_dir / source / LISTED)]
    known = [name.removesuffix(".jsonl").partition("__")[2] for name in listed]
    newest = max([last, *(id_ for id_ in known if _is_moment(id_))])
    if now > newest:
        return now
    return f"{float(newest) + 1e-5:.6f}"


def _is_moment(load_id: str) -> bool:
    return len(load_id.partition(".")[0]) == 10 and load_id.replace(".", "", 1).isdecimal()


def read_list(landing_dir: Path, source: str) -> Iterator[tuple[str, tuple[Load, ...]]]:
    """The files of a source's list, each with the loads that it names."""
    for entry in _entries(landing_dir / source / LISTED):
        if entry.name.endswith(".jsonl"):
            found = entry.stat()
            version = found.st_ino, found.st_mtime_ns, found.st_size
            yield entry.path, _read_lines(entry.path, *version)


# A pull asks for the list many times, and of a year it has thousands of files: a file that is as it
# was is not read again.
@lru_cache(maxsize=100_000)
def _read_lines(name: str, *_version: int) -> tuple[Load, ...]:
    """The loads that a file of the list names; one that cannot be read names a lost one."""
    path = Path(name)
    try:
        return tuple(
            Load(
                load_id=str(row["load_id"]),
                is_complete=row.get("status") == 0,
                load_date=date.fromisoformat(row["load_date"]) if "load_date" in row else None,
                streams=tuple(row["streams"]) if "streams" in row else None,
                pull=row.get("pull", ""),
                is_last=row.get("is_last", True),
                files=row.get("files", {}),
                lost_at=row.get("lost_at", ""),
                erased=row.get("erased", {}),
                becoming=row.get("becoming", {}),
                rewritten_by=tuple(row.get("rewritten_by", ())),
            )
            for row in map(json.loads, path.read_text().splitlines())
        )
    except (ValueError, KeyError, TypeError):
        return (Load(path.stem.partition("__")[2], is_complete=False),)


def files_of(folder: Path, as_of: date | None = None, stream: str = "") -> Iterator[Path]:
    """The files of loads in a source's folder, listed or not; of one stream, if it is named."""
    for of_stream in [stream] if stream else [entry.name for entry in _entries(folder)]:
        for night in _entries(folder / of_stream):
            _, is_night, day = night.name.partition("load_date=")
            if is_night and (as_of is None or date.fromisoformat(day) <= as_of):
                for file in _entries(night):
                    if file.name.endswith(".parquet") and file.name != DECLARED_FILE:
                        yield Path(file.path)


def _entries(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    """What is in a folder; nothing in what is none."""
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def load_of(path: Path) -> str:
    return path.name.rsplit(".", 2)[0]


def lock_of(landing_dir: Path, source: str) -> Path:
    return landing_dir / f".{source}.lock"


@contextmanager
def locked(path: Path, by: str = "") -> Iterator[None]:
    """Hold a lock, which the kernel frees when the process dies.

    Args:
        path: of its file.
        by: who must not run twice at once; without it, the lock is waited for.

    Raises:
        LandingError: another process runs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if by else 0))
        except BlockingIOError:
            lock.seek(0)
            raise LandingError(
                f"{by} is being pulled by process {lock.read().strip() or 'unknown'}; "
                "wait for it, or end it, then run it again"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
