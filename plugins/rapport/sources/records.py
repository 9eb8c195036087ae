"""From an API's record to a landed row: text in declared columns, the rest kept as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from rapport.errors import SourceError
from rapport.sources.streams import (
    CAMPAIGNS,
    CONTACTS,
    EVENTS,
    METRICS,
    OWNERS,
    PROFILES,
    Stream,
)


def as_text(value: Any) -> str | None:
    """Return a scalar as text and anything nested as JSON text.

    Example:
        >>> as_text(True), as_text(None), as_text({"a": 1}), as_text("x")
        ('true', None, '{"a":1}', 'x')
    """
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def to_row(
    stream: Stream, record: Mapping[str, Any], known: Mapping[str, Any], *, connection: str
) -> dict[str, str | None]:
    """Return one row of a stream.

    Args:
        stream: says which columns a row has.
        record: as the API sent it; members that the stream has no column for go to ``extra``.
        known: column to value, under the landing's names.
        connection: named in errors.

    Raises:
        SourceError: the record has no id, so it could not be told from others.
    """
    if not record.get("id"):
        raise SourceError(connection, f"{stream.full_name}: a record came without an id")
    extra = {name: value for name, value in record.items() if name not in _TAKEN[stream]}
    row = {column: as_text(known.get(column)) for column in stream.columns}
    row["extra"] = as_text(extra) if extra else None
    return row


_HUBSPOT = {"id", "createdAt", "updatedAt", "archived"}
_KLAVIYO = {"type", "id", "attributes", "relationships", "links"}
_TAKEN = {
    CONTACTS: _HUBSPOT | {"archivedAt", "properties"},
    OWNERS: _HUBSPOT | {"email", "firstName", "lastName", "userId", "teams"},
    PROFILES: _KLAVIYO,
    METRICS: _KLAVIYO,
    CAMPAIGNS: _KLAVIYO,
    EVENTS: _KLAVIYO,
}
