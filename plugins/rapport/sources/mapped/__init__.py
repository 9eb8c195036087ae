"""Sources that a firm declares itself: read by dlt, mapped onto canonical streams by SQL."""

from rapport.sources.mapped.declaration import (
    FOLDER,
    KINDS,
    Mapped,
    MappedSource,
    MappedTable,
    keep_declaration,
    read_all,
    read_retired,
    read_source,
)

__all__ = [
    "FOLDER",
    "KINDS",
    "Mapped",
    "MappedSource",
    "MappedTable",
    "keep_declaration",
    "read_all",
    "read_retired",
    "read_source",
]
