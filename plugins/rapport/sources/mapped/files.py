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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import datetime
from functools import partial
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
from rapport.sources.mapped.reading import (
    ENDINGS,
    Refused,
    Unreadable,
    columns_landed,
    read_file,
    together,
)
from rapport.sources.mapped.whole import compared, is_due, noted
from rapport.sources.records import Page, Row, Table, as_text, refusal
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
        members: globs of the files of an archive that are meant; none: all.
    """

    name: str
    bytes: int
    modified_at: datetime
    open: Callable[[], Any]
    members: tuple[str, ...] = ()

    @property
    def state(self) -> tuple[str, str]:
        """What changes when the file does."""
        return str(self.bytes), self.modified_at.isoformat()


def pull_files(
    source: MappedSource, connection: Connection, known: Known, work_dir: Path
) -> Iterator[Page | Table]:
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
    if known.window:  # a file says of no moment what changed
        return
    problems: list[str] = []
    listing = _listing(source, connection)
    for table in source.tables:
        if not is_due(table, known):
            continue
        read = _read_before(known, source, table)
        found = listing(table)
        if not found and not read:
            problems.append(_no_file(source, table))
        news = [file for file in found if read.get(file.name, ("", "", ""))[:2] != file.state]
        for file in _at_rest(news, table, listing):
            try:
                # Of files that each bring all there is the newest holds.
                is_whole = table.whole and file.name == found[-1].name
                yield from _pull_file(file, table, known, work_dir, read, is_whole)
            except Unreadable as error:
                problems.append(f"{source.path}/{file.name}: {error}")
        if table.every > 1:
            yield noted(table, known)
    if problems:
        raise UnusableTable(source.name, problems)


def list_files(source: MappedSource, connection: Connection) -> dict[str, list[str]]:
    """Return the files that there are, by table; the oldest first.

    Raises:
        SourceDenied: the folder is not there, or the storage refuses.
        Unreadable: a table has none.
    """
    listing = _listing(source, connection)
    found = {table.name: [file.name for file in listing(table)] for table in source.tables}
    for table in source.tables:
        if not found[table.name]:
            raise Unreadable(_no_file(source, table))
    return found


def _no_file(source: MappedSource, table: MappedTable) -> str:
    wanted = " or ".join(_globs(table))
    return f"table {table.name}: there is no file {wanted} in {source.path}"


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
        found: dict[str, Found] = {}
        for each in _globs(table):
            place, archive, members = each.partition(".zip/")
            try:
                items = list(glob_files(client, url, place + archive.removesuffix("/")))
            except Exception as error:
                raise _denied(error, source, connection) from None
            for item in items:
                name = item["relative_path"]
                others = found[name].members if name in found else ()
                found[name] = Found(
                    name,
                    item["size_in_bytes"],
                    item["modification_date"],
                    _opening(FileItemDict(item, client)),
                    (*others, members) if members else others,
                )
        return sorted(found.values(), key=lambda file: (file.modified_at, file.name))

    return listed


def _globs(table: MappedTable) -> list[str]:
    """Return where the files of a table are; what comes after `.zip/` is in an archive."""
    said = table.how["files"]
    return [said] if isinstance(said, str) else list(said)


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
    is_whole: bool,
) -> Iterator[Page | Table]:
    """Yield the rows of a file, what of it is none, what is gone, and that it was read."""
    stream = table.stream
    make_private(work_dir)
    with TemporaryDirectory(dir=work_dir, prefix="files.") as folder:
        copy, digest = _copied(file, Path(folder))
        if copy.stat().st_size != file.bytes:
            _say_that_it_waits(file)
            return
        if read.get(file.name, ("", "", ""))[2] == digest:  # it was touched, and no more
            yield FILES_READ[stream.source], [_book(file, table, known, digest, None, None)]
            return
        refused: list[Row] = []
        rows = _rows_of(file, copy, table, known, refused)
        landed = 0
        with compared(table, known) if is_whole else nullcontext() as whole:
            for each in rows:
                landed += each.num_rows
                yield stream, whole.news(each) if whole else each
            if refused:
                _say_what_was_refused(file, refused)
                yield REFUSALS[stream.source], refused
            if whole:
                yield from whole.gone(len(refused))
        yield (
            FILES_READ[stream.source],
            [_book(file, table, known, digest, landed, len(refused))],
        )


def _rows_of(
    file: Found, copy: Path, table: MappedTable, known: Known, refused: list[Row]
) -> Iterator[pa.Table]:
    """Yield the rows of a file, or of all that are packed in it; note what is none."""
    there = columns_landed(known, table)
    for name, path in unpacked(file.name, copy, file.members):
        note = partial(_note, refused, table, known, name)
        yield from together(table, read_file(path, name, table, note, there))


def _note(refused: list[Row], table: MappedTable, known: Known, name: str, each: Refused) -> None:
    id_ = f"{name}:{each.line}"
    refused.append(refusal(table.stream, known.as_of, each.reason, id_=id_, record=each.record))


def _say_what_was_refused(file: Found, refused: list[Row]) -> None:
    first = f"line {str(refused[0]['id']).rpartition(':')[2]} {refused[0]['reason']}"
    logger.warning(
        "%s: %s records do not fit and were laid with the refusals; the first: %s",
        file.name,
        f"{len(refused):,}",
        first,
    )


def _book(
    file: Found,
    table: MappedTable,
    known: Known,
    digest: str,
    rows: int | None,
    refused: int | None,
) -> Row:
    size, modified_at = file.state
    return {
        "stream": table.name,
        "file": file.name,
        "bytes": size,
        "modified_at": modified_at,
        "digest": digest,
        "row_count": as_text(rows),
        "refused_count": as_text(refused),
        "read_on": known.as_of.isoformat(),
    }


def _copied(file: Found, folder: Path) -> tuple[Path, str]:
    """Copy a file, which may change while it is read; return the copy and its digest."""
    path = folder / f"copy{PurePosixPath(file.name).suffix}"
    digest = hashlib.sha256()
    with closing(file.open()) as source, path.open("wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            target.write(chunk)
    return path, digest.hexdigest()


def unpacked(name: str, path: Path, members: Sequence[str] = ()) -> Iterator[tuple[str, Path]]:
    """Yield a file, or those that are packed in it, each with its name.

    Args:
        name: of the file.
        path: a copy of it; what is unpacked lies beside it, one after the other.
        members: globs of the files of an archive that are meant; none: all.

    Raises:
        Unreadable: it is damaged, or packed with a password.
    """
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
                    if members and not any(map(plain.match, members)):
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
