"""What becomes of a declared source, shown on a sample before anything lands.

The sample is pulled into a landing that goes again, and mapped by the models of a night; so it is
the night's own word. Of a customer nothing is shown but shapes of values and lines of files.
"""

import codecs
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from glob import glob
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rapport import landing
from rapport.build.run import built_aside
from rapport.contract import Stream
from rapport.mapping.shapes import shape
from rapport.settings import Settings
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.mapped import MappedSource
from rapport.sources.mapped.declaration import FILE, LINE, Mapped, MappedTable
from rapport.sources.mapped.expressions import quoted
from rapport.sources.pull import pull
from rapport.sources.streams import REFUSALS

# A line of such a file is a record, so that its first lines are a sample.
_BY_LINES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson")
_MOST_PLACES = 5


@dataclass(frozen=True)
class Fault:
    """Why rows cannot be used, how many, and where the first of them stand."""

    reason: str
    rows: int
    places: tuple[str, ...]


@dataclass(frozen=True)
class Said:
    """A canonical column as a mapping says it.

    Attributes:
        sql: what it is made of.
        filled: how many rows say something.
        like: the shape of a usual value.
    """

    column: str
    sql: str
    filled: int
    like: str


@dataclass(frozen=True)
class Onto:
    """The rows of a table as rows of one canonical stream.

    Attributes:
        rows: that the mapping makes of the table's.
        used: of them, as the night would.
        superseded: by a later row of the same record.
        quarantine: why rows would go there.
        unreadable: fields of used rows that nobody can read, each as if it were not there.
        absent: columns that nobody has to say and the mapping does not, and what is lost without.
    """

    stream: str
    rows: int
    used: int
    superseded: int
    columns: tuple[Said, ...]
    quarantine: tuple[Fault, ...]
    unreadable: tuple[Fault, ...]
    absent: Mapping[str, str]


@dataclass(frozen=True)
class Checked:
    """A table of the source.

    Attributes:
        rows: that would land.
        refused: what is in its files and no row.
        unmapped: columns that nobody reads.
    """

    table: str
    rows: int
    refused: tuple[Fault, ...]
    unmapped: tuple[str, ...]
    onto: tuple[Onto, ...] = field(default=())


def checked(
    settings: Settings,
    source: MappedSource,
    connection: Connection,
    contract: Mapping[str, Stream],
    *,
    rows: int,
    as_of: date | None = None,
) -> list[Checked]:
    """Return what becomes of each table of a source.

    Args:
        settings: of the installation; nothing in its home is written.
        source: as it is declared.
        connection: to it.
        contract: the canonical streams by name.
        rows: how many of each file are looked at.
        as_of: the night that it is shown as of; today's if left out.

    Raises:
        SourceError: the source cannot be read, or lacks what its mapping needs.
        BuildError: the models cannot map it.
    """
    as_of = as_of or datetime.now(UTC).date()
    with TemporaryDirectory(prefix="rapport-check-") as folder:
        aside = _aside(settings, Path(folder))
        with _sample(source, Path(folder) / "sample", rows) as sample:
            declared = Declared((), "check").with_mapped(sample)
            pull(
                source.name,
                connection,
                as_of=as_of,
                landing_dir=aside.landing_dir,
                work_dir=aside.work_dir,
                declared=declared,
            )
            models = [
                f"base_mapped__{mapped.stream}"
                for table in source.tables
                for mapped in table.mapped
            ]
            with built_aside(aside, as_of, sorted(set(models)), declared=declared) as path:
                return list(_tables(path, aside, source, contract, as_of))


def _aside(settings: Settings, folder: Path) -> Settings:
    """The same installation with a home of its own, and the firm's policies."""
    own = settings.home / "policy.yml"
    policy = settings.policy_path or (own if own.exists() else None)
    return replace(settings, home=folder / "home", policy_path=policy)


@contextmanager
def _sample(source: MappedSource, folder: Path, rows: int) -> Iterator[MappedSource]:
    """Give the source with the first rows of its files alone."""
    if not source.is_local or not Path(source.path).is_dir():
        yield source
        return
    for table in source.tables:
        for name in _listed(source, table):
            path, target = Path(source.path, name), folder / name
            if target.exists():
                continue  # of another table, too
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (path.suffix.lower() in _BY_LINES and _cut(path, target, table, rows)):
                target.symlink_to(path)
            # Files are read in the order in which they were changed.
            of = path.stat()
            os.utime(target, ns=(of.st_atime_ns, of.st_mtime_ns), follow_symlinks=False)
    folder.mkdir(parents=True, exist_ok=True)
    yield replace(source, path=str(folder))


def _listed(source: MappedSource, table: MappedTable) -> list[str]:
    """The files of a table as a pull lists them; what is in an archive is taken with all of it."""
    said = table.how["files"]
    found: set[str] = set()
    for each in [said] if isinstance(said, str) else said:
        place, archive, _ = each.partition(".zip/")
        meant = place + archive.removesuffix("/")
        # What dlt lists by: that of `pathlib` knows other files by `**`, and hidden ones.
        found.update(glob(meant, root_dir=source.path, recursive=True))  # noqa: PTH207
    names = {os.path.normpath(name) for name in found}
    return sorted(name for name in names if Path(source.path, name).is_file())


def _cut(path: Path, target: Path, table: MappedTable, rows: int) -> bool:
    """Copy the first lines of a file; False if it cannot be cut."""
    lines = table.how.get("skip", 0) + 1 + rows
    with path.open("rb") as whole:
        marked = whole.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = table.how.get("encoding", "utf-16" if marked else "utf-8")
    if not codecs.lookup(encoding).name.startswith(("utf-16", "utf-32")):
        with path.open("rb") as whole, target.open("wb") as part:
            part.writelines(islice(whole, lines))
        return True
    try:
        with path.open(encoding=encoding, newline="") as file:
            text = "".join(islice(file, lines))
    except UnicodeError:
        return False
    target.write_bytes(text.encode(encoding))
    return True


def _tables(
    path: Path, aside: Settings, source: MappedSource, contract: Mapping[str, Stream], as_of: date
) -> Iterator[Checked]:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as built:
        for table in source.tables:
            with landing.opened(aside.landing_dir, source.name, [table.name], as_of) as landed:
                there = [
                    str(name)
                    for name, *_ in landed.execute(f"describe {quoted(table.name)}").fetchall()
                ]
                count = landed.execute(f"select count(*) from {quoted(table.name)}").fetchone()
                empty = _empty(landed, table, there)
            read = {name.lower() for mapped in table.mapped for name in mapped.reads}
            read |= {name.lower() for name in table.stream.declared}
            spare = {FILE, LINE, *landing.OF_LANDING, "load_date", "_dlt_load_id"}
            yield Checked(
                table.name,
                count[0] if count else 0,
                tuple(_refused(aside, source, table, as_of)),
                tuple(
                    name
                    for name in there
                    if name.lower() not in read and name not in spare and name not in empty
                ),
                tuple(
                    _onto(built, source, table, each, contract[each.stream])
                    for each in table.mapped
                ),
            )


def _empty(landed: Any, table: MappedTable, there: Sequence[str]) -> set[str]:
    counts = ", ".join(f"count({quoted(name)})" for name in there)
    row = landed.execute(f"select {counts} from {quoted(table.name)}").fetchone()
    return {name for name, count in zip(there, row, strict=True) if not count}


def _refused(
    aside: Settings, source: MappedSource, table: MappedTable, as_of: date
) -> Iterator[Fault]:
    book = REFUSALS[source.name]
    with landing.opened(aside.landing_dir, source.name, [book.name], as_of) as landed:
        rows = landed.execute(
            f"""
            select reason, count(*), list(id order by id)[:{_MOST_PLACES}]
            from {quoted(book.name)} where stream = ? group by all order by 2 desc, 1
            """,
            [table.name],
        ).fetchall()
    for reason, count, places in rows:
        yield Fault(reason, count, tuple(places))


def _onto(
    built: Any, source: MappedSource, table: MappedTable, mapped: Mapped, stream: Stream
) -> Onto:
    model = f"base_mapped__{mapped.stream}"
    schema = built.execute(
        "select table_schema from information_schema.tables where table_name = ?", [model]
    ).fetchone()[0]
    name = table.name if table.name == mapped.stream else f"{table.name}.{mapped.stream}"
    built.execute(
        f"""
        create or replace temp table mapped_rows as
        select * from {schema}.{model} where source = ? and landed_stream = ?
        """,
        [source.name, name],
    )
    total, used, superseded = built.execute(
        """
        select
            count(*),
            count(*) filter (where not is_quarantined and version_rank = 1),
            count(*) filter (where not is_quarantined and version_rank > 1)
        from mapped_rows
        """
    ).fetchone()
    return Onto(
        mapped.stream,
        total,
        used,
        superseded,
        tuple(_said(built, mapped)),
        tuple(_faults(built, "quarantine_reason", "quarantine_reason is not null", "mapped_rows")),
        tuple(
            _faults(
                built,
                "field",
                "not is_quarantined",
                "(select *, unnest(unreadable_fields) as field from mapped_rows)",
            )
        ),
        {
            column.name: column.absent
            for column in stream.columns
            if not (column.given or column.required or column.name in mapped.columns)
        },
    )


def _said(built: Any, mapped: Mapped) -> Iterator[Said]:
    for column, sql in mapped.columns.items():
        values = built.execute(
            f"select cast({quoted(column)} as varchar) as said from mapped_rows "
            "where said is not null"
        ).fetchall()
        shapes = [shape(value) for (value,) in values]
        usual = max(sorted(set(shapes)), key=shapes.count) if shapes else ""
        yield Said(column, sql, len(values), usual)


def _faults(built: Any, reason: str, where: str, rows: str) -> Iterator[Fault]:
    found = built.execute(
        f"""
        select
            {reason},
            count(*),
            list(
                landed_file || ':' || landed_line order by landed_file, landed_line
            )[:{_MOST_PLACES}]
        from {rows} where {where} group by all order by 2 desc, 1
        """
    ).fetchall()
    for said, count, places in found:
        yield Fault(said, count, tuple(each for each in places or () if each))
