"""The places of a home that can hold something of a person, each with how it is looked at and rid.

A place of another part of Rapport is one more `Place` in the list that `erase` is given: it counts
what a tombstone knows, and takes it out. Counting changes nothing; taking out twice does no harm.
"""

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rapport import landing, release
from rapport.erasure import texts
from rapport.erasure.people import PERSONS, persons_of
from rapport.errors import BuildError, ErasureError
from rapport.report import write_report
from rapport.settings import Settings
from rapport.sources.declared import EVERYTHING, Declared
from rapport.sources.erased import Erased
from rapport.tombstones import Tombstones
from rapport.warehouse import ASIDE_SECONDS, build_lock, discard

Theirs = Callable[[Tombstones], Erased]


@dataclass(frozen=True)
class Place:
    """Where something of a person can be.

    Attributes:
        name: what it is, for people.
        unit: what is counted there.
        count: how many of them are of whom some tombstones know.
        erase: takes them out.
        note: what is to be known of it.
    """

    name: str
    unit: str
    count: Callable[[Tombstones], int]
    erase: Callable[[Tombstones], object]
    note: str = ""


def places_of(settings: Settings, declared: Declared = EVERYTHING) -> list[Place]:
    """Return every place of a home, in the order in which it is looked at.

    Files that a declared source reads are none, wherever they lie: they are the source's.
    """
    return [
        *_landed(settings, declared),
        Place(
            "pulls that were interrupted",
            "files",
            lambda _: len(list(_working(settings.work_dir))),
            lambda _: _sweep(settings.work_dir),
        ),
        Place(
            "quarantine",
            "rows",
            lambda tombstones: _quarantined(settings.warehouse_path, tombstones),
            lambda _: None,
            "in the warehouse, and goes with it",
        ),
        Place(
            "warehouse",
            "records",
            lambda tombstones: sum(
                _in_warehouse(path, tombstones)
                for path in (settings.warehouse_path, settings.aside_path)
            ),
            lambda _: _discard(settings),
            "deleted; the next night builds it from the landing",
        ),
        Place(
            "releases",
            "rows",
            lambda tombstones: release.count_erased(settings.releases_dir, tombstones.has_customer),
            lambda tombstones: release.erase_from_releases(
                settings.releases_dir,
                tombstones.has_customer,
                write_report=lambda folder: write_report(
                    folder, memory_limit=settings.memory_limit, threads=settings.threads
                ),
                memory_limit=settings.memory_limit,
                threads=settings.threads,
            ),
        ),
        *_rest(settings, declared),
    ]


# -- the landing -----------------------------------------------------------------------------------


def _landed(settings: Settings, declared: Declared) -> Iterator[Place]:
    for source in (*PERSONS, *(each.name for each in declared.all_mapped)):
        folder = settings.landing_dir / source
        if not folder.is_dir():
            continue

        def theirs(tombstones: Tombstones, source: str = source) -> Erased:
            mapped = declared.mapped_source(source)
            return Erased(settings.landing_dir, tombstones, source, mapped)

        def count(tombstones: Tombstones, source: str = source, of: Theirs = theirs) -> int:
            found = of(tombstones)
            return landing.count(settings.landing_dir, source, found.streams, found)

        def erase(tombstones: Tombstones, source: str = source, of: Theirs = theirs) -> None:
            found = of(tombstones)
            by = ",".join(tombstone.request for tombstone in tombstones.all)
            landing.rewrite(settings.landing_dir, source, found.streams, found, by=by)

        yield Place(f"landing of {source}", "rows", count, erase)
        damaged = folder / "_damaged"
        yield Place(
            f"damaged files of {source}",
            "files",
            lambda _, damaged=damaged: len(list(damaged.glob("*"))),  # type: ignore[misc]
            lambda _, damaged=damaged: [p.unlink() for p in damaged.glob("*")],  # type: ignore[misc]
            "nobody can read whose they are, and none of them counts: all of them go",
        )


def _working(work_dir: Path) -> Iterator[Path]:
    """Yield what pulls left that do not run any more."""
    for folder in sorted(work_dir.glob("*/")):
        with (work_dir / f"{folder.name}.lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # it runs, and will find the tombstone before it lands anything
            yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _sweep(work_dir: Path) -> None:
    for path in list(_working(work_dir)):
        path.unlink(missing_ok=True)


# -- the warehouse ---------------------------------------------------------------------------------


def _in_warehouse(path: Path, tombstones: Tombstones) -> int:
    """Count records in a build file; one that cannot be asked counts as one."""
    import duckdb

    if not path.exists():
        return 0
    try:
        with duckdb.connect(str(path), read_only=True) as warehouse:
            found = warehouse.execute(
                "select source, source_record_id from intermediate.int_identity__contact_map"
            ).fetchall()
    except duckdb.Error:
        return 1
    return sum(tombstones.has_record(persons_of(source), id_) for source, id_ in found)


def _discard(settings: Settings) -> None:
    discard(settings.warehouse_path)
    if settings.aside_path.exists():
        # Activation may be reading it, and takes it away itself; whoever was killed did not.
        with suppress(BuildError), build_lock(settings.aside_path, wait_seconds=ASIDE_SECONDS):
            discard(settings.aside_path)


def _quarantined(path: Path, tombstones: Tombstones) -> int:
    import duckdb

    if not path.exists():
        return 0
    try:
        with duckdb.connect(str(path), read_only=True) as warehouse:
            rows = warehouse.execute("from quarantine.quarantined_rows").fetchall()
    except duckdb.Error:
        return 0
    said = ("\n".join(str(value) for value in row if value is not None) for row in rows)
    return sum(any(texts.found_in(text.encode(), tombstones)) for text in said)


# -- everything else -------------------------------------------------------------------------------

_TABLES = {".parquet", ".duckdb", ".xlsx"}
_DATABASES = (".db", ".sqlite")
# Of a person, what is there is looked at as what it is.
_LOOKED_AT = {"landing", "work", "releases", "erasures"}


def _rest(settings: Settings, declared: Declared) -> Iterator[Place]:
    """Yield everything else under the home: pages, logs, ledgers, exports."""
    yield _texts("pages of releases", lambda: _pages(settings.releases_dir))
    sources = [Path(each.path) for each in declared.all_mapped if each.is_local]
    for entry in sorted(settings.home.iterdir()) if settings.home.is_dir() else ():
        is_company = settings.has_sandbox and entry.name in {"sandbox", "company"}
        if entry.name in _LOOKED_AT or entry.is_symlink() or is_company:
            continue  # the sandbox's company is a source
        # A place's name is its own: `warehouse` is another one.
        name = f"{entry.name}/" if entry.is_dir() else entry.name
        yield _texts(name, lambda entry=entry: _files(entry, sources))  # type: ignore[misc]


def _pages(releases_dir: Path) -> list[Path]:
    return [*releases_dir.glob("*.html"), *releases_dir.glob("history.jsonl")]


def _files(entry: Path, sources: Sequence[Path]) -> list[Path]:
    found = [entry] if entry.is_file() else sorted(entry.rglob("*"))
    return [
        path
        for path in found
        if path.is_file()
        and not path.is_symlink()
        and not any(path.is_relative_to(source) for source in sources)
        and path.suffix not in (".lock", ".wal")
        # databases belong to whoever knows their tables
        and not any(mark in path.name for mark in _DATABASES)
        and not (path.suffix == ".duckdb" and path.parent.name in ("warehouse", "aside"))
    ]


def _texts(name: str, files: Callable[[], Sequence[Path]]) -> Place:
    def count(tombstones: Tombstones) -> int:
        found = 0
        for path in files():
            with suppress(FileNotFoundError):  # of a process that goes on
                found += _count_in(path, tombstones)
        return found

    def erase(tombstones: Tombstones) -> None:
        for path in files():
            with suppress(FileNotFoundError):
                if not _count_in(path, tombstones):
                    continue
                if path.suffix in _TABLES:
                    path.unlink()  # an export; it is made again
                else:
                    texts.write_over(path, tombstones)

    return Place(name, "mentions", count, erase)


def _count_in(path: Path, tombstones: Tombstones) -> int:
    try:
        if path.suffix in _TABLES:
            return sum(
                sum(1 for _ in texts.found_in(text.encode(), tombstones)) for text in _cells(path)
            )
        return texts.count_in(path, tombstones)
    except PermissionError as error:
        raise ErasureError(f"{path} cannot be read: {error.strerror}") from error


def _cells(path: Path) -> Iterator[str]:
    """Yield the texts of a file of tables, a row each."""
    import zipfile

    import duckdb

    if path.suffix == ".xlsx":
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as book:
            for name in book.namelist():
                yield book.read(name).decode("utf-8", "replace")
        return
    with suppress(duckdb.Error), duckdb.connect() as connection:
        if path.suffix == ".parquet":
            tables = [f"read_parquet('{str(path).replace(chr(39), chr(39) * 2)}')"]
        else:
            connection.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' (read_only)")
            tables = [
                f'"{database}"."{schema}"."{table}"'
                for database, schema, table in connection.execute(
                    "select database_name, schema_name, table_name from duckdb_tables()"
                ).fetchall()
            ]
        for table in tables:
            answer = connection.execute(f"select to_json(rows)::varchar from {table} as rows")
            while rows := answer.fetchmany(10_000):
                yield "\n".join(text for (text,) in rows)
