"""Pull a declared source, by what its kind is read by."""

from collections.abc import Iterator
from pathlib import Path

from rapport.sources.connection import Connection
from rapport.sources.known import Known
from rapport.sources.mapped.declaration import MappedSource
from rapport.sources.mapped.files import pull_files
from rapport.sources.records import Page, Table


def pull_mapped(
    source: MappedSource, connection: Connection, known: Known, work_dir: Path
) -> Iterator[Page | Table]:
    """Yield what is new in the tables of a declared source.

    Args:
        source: what is declared.
        connection: to it.
        known: the landing.
        work_dir: for what goes again when the pull is over.

    Raises:
        SourceDenied: the source refuses the credentials, or is not where it should be.
        UnusableTable: what it has is otherwise than the mapping says; all else was pulled.
        SourceError: it cannot be used as it answers.
    """
    if source.kind == "files":
        yield from pull_files(source, connection, known, work_dir)
