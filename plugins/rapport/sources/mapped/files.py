"""`kind: files`: dlt lists and opens them, on a disk or on object storage.

A file is read once: one of the same name, size and time of change is as it was read, and so is one
whose bytes are. What was read says the book `files_read`, which lands with the file's last rows:
a pull that dies before reads the file again, and its rows are repeats. Each file is loads of its
own, the oldest first, so what a later file says of a record holds.

A file that is still being written is not read: one that was changed within the last seconds is
looked at again, and one that still changes waits for the next night.
"""

import gzip
import hashlib
import logging
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from dlt.common.configuration.specs import AwsCredentials
from dlt.common.storages import FilesystemConfiguration
from dlt.common.storages.fsspec_filesystem import FileItemDict, fsspec_filesystem, glob_files

from rapport.errors import SourceDenied, SourceError, UnusableTable
from rapport.settings import make_private
from rapport.sources.connection import Connection
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import MappedSource, MappedTable
from rapport.sources.mapped.reading import ENDINGS, Refused, Unreadable, read_file
from rapport.sources.records import Row, Table, as_text, refusal, to_table
from rapport.sources.streams import FILES_READ, REFUSALS

logger = logging.getLogger(__name__)

QUIET_SECONDS = 5.0
CHUNK_BYTES = 2**20
_PACKED = (".gz", ".zip")


@dataclass(frozen=True)
class Found:
    """A file as it is listed.

    Attributes:
        name: relative to the source's path.
    """

    name: str
    bytes: int
    modified_at: datetime
    open: Callable[[], Any]

    @property
    def state(self) -> tuple[str, str]:
        """What changes when the file does."""
        return str(self.bytes), self.modified_at.isoformat()


def pull_files(
    source: MappedSource, connection: Connection, known: Known, work_dir: Path
) -> Iterator[Table]:
    """Yield the rows of the files that were not read yet, and after each file that it was read.

    Args:
        source: what is declared.
        connection: credentials of object storage.
        known: the landing.
        work_dir: for copies, which go again.

    Raises:
        SourceDenied: the folder is not there, or the storage refuses.
        UnusableTable: a file cannot be read as its table says; all others were.
    """
    problems: list[str] = []
    listing = _listing(source, connection)
    for table in source.tables:
        read = _read_before(known, source, table)
        found = listing(table)
        if not found and not read:
            problems.append(
                f"table {table.name}: there is no file {table.how['files']} in {source.path}"
            )
        news = [file for file in found if read.get(file.name, ("", "", ""))[:2] != file.state]
        for file in _at_rest(news, table, listing):
            try:
                yield from _pull_file(file, table, known, work_dir, read)
            except Unreadable as error:
                problems.append(f"{source.path}/{file.name}: {error}")
    if problems:
        raise UnusableTable(source.name, problems)


def _listing(source: MappedSource, connection: Connection) -> Callable[[MappedTable], list[Found]]:
    """Return what lists the files of a table, the oldest first."""
    if source.is_local and not Path(source.path).is_dir():
        raise SourceDenied(
            connection.id,
            f"there is no folder {source.path}; correct path in {source.said_in}",
        )
    url = source.path
    protocol, _, _ = url.partition("://") if "://" in url else ("file", "", "")
    client, _ = fsspec_filesystem(protocol, _credentials(protocol, connection))
    if source.is_local:
        url = FilesystemConfiguration.make_file_url(url)

    def listed(table: MappedTable) -> list[Found]:
        client.invalidate_cache()
        try:
            items = list(glob_files(client, url, table.how["files"]))
        except Exception as error:
            raise _denied(error, source, connection) from None
        found = [
            Found(
                item["relative_path"],
                item["size_in_bytes"],
                item["modification_date"],
                _opening(FileItemDict(item, client)),
            )
            for item in items
        ]
        return sorted(found, key=lambda file: (file.modified_at, file.name))

    return listed


def _opening(item: FileItemDict) -> Callable[[], Any]:
    return lambda: item.open(compression="disable")


def _credentials(protocol: str, connection: Connection) -> Any:
    """What opens the storage; without a connection, what the machine has."""
    if not protocol.startswith("s3"):
        return None
    options = connection.options
    login = options.get("aws_access_key_id") or options.get("login")
    return AwsCredentials(
        aws_access_key_id=login,
        aws_secret_access_key=connection.secret or None,
        endpoint_url=options.get("endpoint_url"),
        region_name=options.get("region_name"),
    )


def _denied(error: Exception, source: MappedSource, connection: Connection) -> SourceError:
    kind = SourceDenied if isinstance(error, PermissionError | FileNotFoundError) else SourceError
    return kind(connection.id, f"{source.path} cannot be listed: {type(error).__name__}")


def _read_before(
    known: Known, source: MappedSource, table: MappedTable
) -> dict[str, tuple[str, str, str]]:
    """Return size, time and digest of the files of a table as they were last read, by name."""
    with known.open(FILES_READ[source.name]) as landed:
        rows = landed.execute(
            """
            select file, bytes, modified_at, digest
            from files_read
            where stream = ?
            qualify
                row_number() over (partition by file order by load_date desc, _dlt_load_id desc) = 1
            """,
            [table.name],
        ).fetchall()
    return {file: tuple(state) for file, *state in rows}


def _at_rest(
    files: list[Found], table: MappedTable, listing: Callable[[MappedTable], list[Found]]
) -> Iterator[Found]:
    """Yield those files that nobody writes any more."""
    fresh = {file.name: file.state for file in files if _is_fresh(file)}
    again: dict[str, Found] = {}
    if fresh:
        time.sleep(QUIET_SECONDS)
        again = {file.name: file for file in listing(table)}
    for file in files:
        now = again.get(file.name) if file.name in fresh else file
        if now is None or now.state != file.state:
            _say_that_it_waits(file)
        else:
            yield file


def _is_fresh(file: Found) -> bool:
    return abs(time.time() - file.modified_at.timestamp()) < QUIET_SECONDS


def _say_that_it_waits(file: Found) -> None:
    logger.warning("%s is still being written; it waits for the next night", file.name)


def _pull_file(
    file: Found,
    table: MappedTable,
    known: Known,
    work_dir: Path,
    read: dict[str, tuple[str, str, str]],
) -> Iterator[Table]:
    """Yield the rows of a file, what of it is none, and that it was read."""
    make_private(work_dir)
    with TemporaryDirectory(dir=work_dir, prefix="files.") as folder:
        copy, digest = _copied(file, Path(folder))
        if copy.stat().st_size != file.bytes:
            _say_that_it_waits(file)
            return
        refused: list[Row] = []
        count: int | None = None
        if read.get(file.name, ("", "", ""))[2] != digest:  # else it was touched, and no more
            count = 0
            for name, path in _unpacked(file.name, copy):
                note = _noting(refused, table, name, known)
                batches = read_file(path, name, table, note, _landed(known, table))
                for rows in _whole(table, batches):
                    count += rows.num_rows
                    yield table.stream, rows
        source = table.stream.source
        if refused:
            logger.warning(
                "%s: %s records do not fit and were laid with the refusals; the first: %s",
                file.name,
                f"{len(refused):,}",
                f"line {str(refused[0]['id']).rpartition(':')[2]} {refused[0]['reason']}",
            )
            yield REFUSALS[source], to_table(REFUSALS[source], refused)
        yield (
            FILES_READ[source],
            to_table(FILES_READ[source], [_book(file, table, known, digest, count, len(refused))]),
        )


def _book(
    file: Found, table: MappedTable, known: Known, digest: str, count: int | None, refused: int
) -> Row:
    size, modified_at = file.state
    return {
        "stream": table.name,
        "file": file.name,
        "bytes": size,
        "modified_at": modified_at,
        "digest": digest,
        "row_count": as_text(count),
        "refused_count": str(refused),
        "read_on": known.as_of.isoformat(),
    }


def _noting(
    refused: list[Row], table: MappedTable, name: str, known: Known
) -> Callable[[Refused], None]:
    def note(each: Refused) -> None:
        refused.append(
            refusal(
                table.stream,
                known.as_of,
                each.reason,
                id_=f"{name}:{each.line}",
                record=each.record,
            )
        )

    return note


def _landed(known: Known, table: MappedTable) -> list[str]:
    """Columns of a table that landed on any night."""
    with known.open(table.stream) as landed:
        return [str(name) for name, *_ in landed.execute(f'describe "{table.name}"').fetchall()]


def _whole(table: MappedTable, batches: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows so that those that belong together come one after the other."""
    if not table.stream.whole_by:
        yield from batches
        return
    parts = list(batches)
    if not parts:
        return
    rows = pa.concat_tables(parts, promote_options="default")
    place = "rapport:place"
    rows = rows.append_column(place, pa.array(range(rows.num_rows), pa.int64()))
    keys = [(name, "ascending") for name in table.stream.whole_by]
    yield rows.sort_by([*keys, (place, "ascending")]).drop_columns([place])


def _copied(file: Found, folder: Path) -> tuple[Path, str]:
    """Copy a file, which may change while it is read; return the copy and its digest."""
    path = folder / f"copy{PurePosixPath(file.name).suffix}"
    digest = hashlib.sha256()
    with closing(file.open()) as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    return path, digest.hexdigest()


def _unpacked(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield a file, or those that are packed in it, each with its name."""
    ending = PurePosixPath(name).suffix.lower()
    inner = path.with_name("unpacked")
    try:
        if ending == ".gz":
            with gzip.open(path) as source, inner.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK_BYTES)
            yield name.removesuffix(PurePosixPath(name).suffix), inner
        elif ending == ".zip":
            with zipfile.ZipFile(path) as archive:
                for member in archive.infolist():
                    plain = PurePosixPath(member.filename)
                    if plain.suffix.lower() not in ENDINGS or plain.name.startswith((".", "._")):
                        continue
                    if plain.parts[0] == "__MACOSX":
                        continue
                    with archive.open(member) as source, inner.open("wb") as target:
                        shutil.copyfileobj(source, target, CHUNK_BYTES)
                    yield f"{name}/{member.filename}", inner
        else:
            yield name, path
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise Unreadable(f"is a damaged {ending}: {type(error).__name__}; send it again") from None
    except RuntimeError:  # zipfile's word for a password
        raise Unreadable("is packed with a password; offer it without one") from None
