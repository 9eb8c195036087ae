"""Files that cannot be read any more: named, and laid aside with their load."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from rapport.errors import DamagedLanding
from rapport.landing.loads import (
    DAMAGED,
    files_of,
    listed_loads,
    load_of,
    lock_of,
    locked,
    new_id,
    put_on_list,
)


@contextmanager
def damage_named(landing_dir: Path, sources: Iterable[str], as_of: date) -> Iterator[None]:
    """Turn DuckDB's error about a file into one that says what is lost and what to do.

    Raises:
        DamagedLanding: a file of the night cannot be read; its load is set aside.
    """
    try:
        yield
    except duckdb.Error as error:
        for source in sources:
            set_aside_damaged(landing_dir, source, as_of, thorough=True, because=error)
        raise


def set_aside_damaged(
    landing_dir: Path,
    source: str,
    as_of: date,
    *,
    thorough: bool = False,
    because: Exception | None = None,
) -> None:
    """Take loads of which a file is damaged off the list.

    Args:
        landing_dir: the landing.
        source: a folder of it.
        as_of: the night whose loads are looked at.
        thorough: read every value, and not only compare the sizes.
        because: what gave rise to it.

    Raises:
        DamagedLanding: there were some; it names them.
        OSError: a file cannot be opened although it may be sound (rights, the disk).
    """
    folder = landing_dir / source
    damaged = damaged_files(landing_dir, source, as_of, thorough=thorough)
    if not damaged:
        return
    with locked(lock_of(landing_dir, source)):
        for load_id in sorted({load_of(Path(name)) for name in damaged}):
            lose(landing_dir, source, load_id)
    told = "; ".join(f"{source}/{name} ({why})" for name, why in damaged.items())
    streams = ", ".join(sorted({f"{source}.{name.partition('/')[0]}" for name in damaged}))
    raise DamagedLanding(
        f"damaged in the landing: {told}. What landed with it of {streams} was laid in "
        f"{folder / DAMAGED} and counts no more; run the night again: the pull fetches it again. "
        "Look at the disk"
    ) from because


def damaged_files(
    landing_dir: Path, source: str, as_of: date, *, thorough: bool = False
) -> dict[str, str]:
    """Return which files of a source are not as they were landed, and why; nothing is changed.

    Args:
        landing_dir: the landing.
        source: a folder of it.
        as_of: the night whose loads are looked at.
        thorough: read every value, and not only compare the sizes.

    Returns:
        Why, by the file's path below the source's folder.

    Raises:
        OSError: a file cannot be opened although it may be sound (rights, the disk).
    """
    folder = landing_dir / source
    loads = {load.load_id: load for load in listed_loads(landing_dir, source) if load.is_complete}
    there = {
        str(path.relative_to(folder)) for path in files_of(folder, as_of) if load_of(path) in loads
    }
    # A file that is being rewritten is as it was, or as it will be.
    listed = {
        name: {size, load.becoming.get(name, {}).get("bytes", size)}
        for load in loads.values()
        if (load.load_date or as_of) <= as_of
        for name, size in load.files.items()
    }
    return {
        name: why
        for name in sorted(there | listed.keys())
        for why in [_what_is_wrong(folder / name, listed.get(name), thorough)]
        if why
    }


def examine(landing_dir: Path, as_of: date) -> list[str]:
    """Read everything that the night has, and set aside what cannot be read; say what that was."""
    found = []
    for folder in sorted(landing_dir.glob("[!.]*/")):
        try:
            set_aside_damaged(landing_dir, folder.name, as_of, thorough=True)
        except DamagedLanding as damaged:
            found.append(str(damaged))
    return found


def _what_is_wrong(path: Path, sizes: set[int] | None, thorough: bool) -> str:
    """Say why a file is not as it was landed; nothing if it is."""
    try:
        found = path.stat().st_size
        if sizes is not None and found not in sizes:
            return f"{found} bytes of {' or '.join(map(str, sorted(sizes)))}"
        if thorough:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for batch in file.iter_batches():
                    batch.validate(full=True)
    except FileNotFoundError:
        return "missing"
    except (pa.ArrowException, UnicodeDecodeError) as error:
        return f"no readable parquet: {type(error).__name__}"
    except OSError as error:
        if error.errno is not None:  # rights, the disk: nothing is known of the file
            raise
        return "no readable parquet"  # Arrow's way to say that a page does not decompress
    return ""


def lose(landing_dir: Path, source: str, load_id: str) -> None:
    """Take a load off the list, so that it never counts in parts; then lay its files aside."""
    folder = landing_dir / source
    files = [path for path in files_of(folder) if load_of(path) == load_id]
    known = next(load for load in listed_loads(landing_dir, source) if load.load_id == load_id)
    dates = [date.fromisoformat(path.parent.name.removeprefix("load_date=")) for path in files]
    names = {str(path.relative_to(folder)): 0 for path in files} | known.files
    lost_at = known.lost_at or new_id(landing_dir, source)
    put_on_list(
        landing_dir,
        source,
        {
            "load_id": load_id,
            "schema_name": source,
            "status": 1,
            "load_date": str(known.load_date or min(dates, default=date(1970, 1, 1))),
            "files": names,
            "lost_at": lost_at,
        },
    )
    (folder / DAMAGED).mkdir(exist_ok=True)
    for path in files:
        path.replace(folder / DAMAGED / f"{path.parent.parent.name}.{path.name}")
