"""Rewrite files of the landing in place: the one exception to "added to and never changed".

Whoever is erased must not stay in what landed. A file is written anew beside the old one, the list
of loads says what it is about to become, then it takes the old one's place in one step, and then
the list says that it did. So at every instant each file is whole, is as its load says it is or will
be, and a process that died in between is made good by whoever comes next.

What is taken out stays counted: a load says how many rows of which stream were erased from it.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rapport.errors import LandingError
from rapport.killpoints import reach
from rapport.landing.loads import (
    Load,
    amend_on_list,
    files_of,
    listed_loads,
    load_of,
    lock_of,
    locked,
    sync,
)

REWRITING = "rewriting."


@dataclass(frozen=True)
class Changed:
    """What becomes of some landed rows.

    Attributes:
        rows: those that stay, in their order.
        erased: how many go.
        altered: how many stay otherwise than they were.
    """

    rows: pa.Table
    erased: int = 0
    altered: int = 0

    def __bool__(self) -> bool:
        return bool(self.erased or self.altered)


# Of a stream, by its name, and rows of it. What was changed once is not changed again.
Change = Callable[[str, pa.Table], Changed]


def count(landing_dir: Path, source: str, streams: Iterable[str], change: Change) -> int:
    """Return how many rows of some streams would be changed; nothing is."""
    found = 0
    for path, _, stream in _files(landing_dir, source, streams):
        changed = change(stream, read(path))
        found += changed.erased + changed.altered
    return found


def rewrite(
    landing_dir: Path, source: str, streams: Iterable[str], change: Change, *, by: str
) -> int:
    """Change the rows of some streams in every load that counts; nobody lands meanwhile.

    Args:
        landing_dir: the landing.
        source: a folder of it.
        streams: those that `change` may concern.
        change: says what becomes of some rows.
        by: on whose behalf; the loads say it.

    Returns:
        How many rows were changed.

    Raises:
        LandingError: a file cannot be read or written; what was changed before stays changed.
    """
    found = 0
    with locked(lock_of(landing_dir, source)):
        settle(landing_dir, source)
        of_load: dict[str, list[tuple[Path, str]]] = {}
        for path, load_id, stream in _files(landing_dir, source, streams):
            of_load.setdefault(load_id, []).append((path, stream))
        loads = {load.load_id: load for load in listed_loads(landing_dir, source)}
        for load_id, files in sorted(of_load.items()):
            found += _rewrite_load(landing_dir, source, loads[load_id], files, change, by)
    return found


def _rewrite_load(
    landing_dir: Path,
    source: str,
    load: Load,
    files: list[tuple[Path, str]],
    change: Change,
    by: str,
) -> int:
    folder, found = landing_dir / source, 0
    becoming: dict[str, dict[str, int]] = {}
    for path, stream in files:
        changed = change(stream, read(path))
        if not changed:
            continue
        part = _beside(path)
        pq.write_table(changed.rows, part, compression="zstd", write_page_checksum=True)
        rows = pq.read_metadata(part).num_rows
        if rows != changed.rows.num_rows:
            raise LandingError(f"{part}: {changed.rows.num_rows} rows were written, {rows} arrived")
        becoming[str(path.relative_to(folder))] = {
            "bytes": part.stat().st_size,
            "rows": rows,
            "erased": changed.erased,
        }
        found += changed.erased + changed.altered
    if not becoming:
        return 0
    parts = [_beside(folder / name) for name in becoming]
    sync(parts)
    reach("landing_rewritten_beside")
    who = sorted({*load.rewritten_by, by})
    amend_on_list(landing_dir, source, load.load_id, becoming=becoming, rewritten_by=who)
    reach("landing_rewrite_listed")
    for part, name in zip(parts, becoming, strict=True):
        part.replace(folder / name)
        reach("landing_half_rewritten")
    sync({part.parent for part in parts})
    reach("landing_rewritten")
    settle(landing_dir, source)
    return found


def settle(landing_dir: Path, source: str) -> None:
    """Make the list say what became of files that were being rewritten; under the source's lock."""
    folder = landing_dir / source
    for load in listed_loads(landing_dir, source):
        if not load.becoming:
            continue
        sizes, erased = dict(load.files), dict(load.erased)
        for name, will in load.becoming.items():
            path = folder / name
            with suppress(FileNotFoundError):
                _beside(path).unlink()
            if not _is(path, will):
                continue  # the process died before it: whoever asked for it asks again
            if name in sizes:
                sizes[name] = will["bytes"]
            stream = name.partition("/")[0]
            erased[stream] = erased.get(stream, 0) + will["erased"]
        gone = {stream: rows for stream, rows in erased.items() if rows}
        amend_on_list(
            landing_dir,
            source,
            load.load_id,
            becoming=None,
            erased=gone or None,
            **({"files": sizes} if load.files else {}),
        )
    for path in folder.glob(f"*/*/{REWRITING}*"):
        path.unlink()


def _is(path: Path, will: dict[str, int]) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == will["bytes"]
        and pq.read_metadata(path).num_rows == will["rows"]
    )


def read(path: Path) -> pa.Table:
    """Return the rows of a landed file, as they are in it.

    Raises:
        LandingError: it cannot be read.
    """
    try:
        return pq.read_table(path, partitioning=None, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise LandingError(
            f"{path} cannot be read ({type(error).__name__}): run a night, which sets aside what "
            "is damaged, then the request again"
        ) from error


def _files(
    landing_dir: Path, source: str, streams: Iterable[str]
) -> Iterable[tuple[Path, str, str]]:
    """Yield the files of the loads that count: path, load and stream."""
    complete = {load.load_id for load in listed_loads(landing_dir, source) if load.is_complete}
    for stream in streams:
        for path in sorted(files_of(landing_dir / source, stream=stream)):
            if load_of(path) in complete:
                yield path, load_of(path), stream


def _beside(path: Path) -> Path:
    return path.with_name(f"{REWRITING}{path.name}.part")
