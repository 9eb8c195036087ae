"""From an API's record to a landed row: text in declared columns, the rest kept as JSON."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa

from rapport.errors import SourceError
from rapport.sources.streams import REFUSALS, Stream
from rapport.sources.strict import FLAW

Row = dict[str, str | None]
# What a source yields: rows, and the stream that they belong to.
Page = tuple[Stream, list[Row]]
# The same, all columns text.
Table = tuple[Stream, pa.Table]


def to_table(stream: Stream, rows: Sequence[Row]) -> pa.Table:
    """Return rows as a table of text; columns that nobody declared come last."""
    columns = dict.fromkeys(chain(stream.columns, *rows))
    return pa.table(
        {name: pa.array([row.get(name) for row in rows], pa.string()) for name in columns}
    )


def as_text(value: Any) -> str | None:
    """Return a scalar as text and anything nested as JSON text.

    Example:
        >>> as_text(True), as_text(None), as_text({"a": 1}), as_text("x")
        ('true', None, '{"a":1}', 'x')
    """
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() else _encodable(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half of a character, a number beyond 64 bits
        return _encodable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _encodable(text: str) -> str:
    """Half of a pair of surrogates, as a cut-off emoji leaves it, is no text: it becomes a mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def to_row(stream: Stream, record: Mapping[str, Any], *, connection: str, **known: Any) -> Row:
    """Return one row of a stream.

    Args:
        stream: says which member of a record lands in which column.
        record: as the API sent it; members that the stream has no column for go to ``extra``.
        connection: named in errors.
        known: further columns, which no member of the record is.

    Returns:
        The row; of a record with a `FLAW` one that `set_apart` knows.

    Raises:
        SourceError: the record has no id, so it could not be told from others.
    """
    if flaw := record.get(FLAW):
        return flawed(stream, record, flaw, as_text(record.get("id")))
    if not record.get("id"):
        raise SourceError(connection, f"{stream.full_name}: a record came without an id")
    row: Row = dict.fromkeys(stream.columns)
    columns, extra = stream.members, {}
    for member, value in record.items():
        if member in columns:
            row[columns[member]] = as_text(value)
        else:
            extra[member] = value
    for column, value in known.items():
        if column in row:
            row[column] = as_text(value)
    row["extra"] = as_text(extra) if extra else None
    return row


def flawed(stream: Stream, record: Mapping[str, Any], flaw: str, id_: str | None) -> Row:
    """Return the row of a record that cannot be believed: which one it is, and what is wrong."""
    said = {name: value for name, value in record.items() if name != FLAW}
    row = dict.fromkeys(stream.columns)
    return row | {"id": id_, FLAW: flaw, "record": as_text(said)}


def refusal(
    stream: Stream,
    noticed_on: date,
    reason: str,
    *,
    id_: str | None = None,
    part: str | None = None,
    record: str | None = None,
) -> Row:
    """Return the row that says that a record of a stream could not be read, and why.

    Args:
        stream: which it is missing from.
        noticed_on: the night.
        reason: without a value of a customer.
        id_: what was asked for: a record's id, or an address.
        part: what of it: a channel, a kind of tie.
        record: what came of it, as JSON text.
    """
    return {
        "stream": stream.name,
        "id": id_,
        "part": part,
        "reason": reason,
        "noticed_on": noticed_on.isoformat(),
        "record": record,
    }


def set_apart(pages: Iterable[Page], noticed_on: date) -> Iterator[Page]:
    """Yield pages without the rows of records that cannot be believed; those as refusals."""
    for stream, rows in pages:
        bad = [row for row in rows if FLAW in row]
        if not bad:
            yield stream, rows
            continue
        yield stream, [row for row in rows if FLAW not in row]
        yield (
            REFUSALS[stream.source],
            [
                refusal(
                    stream,
                    noticed_on,
                    str(row[FLAW]),
                    id_=row.get("id"),
                    record=row.get("record"),
                )
                for row in bad
            ],
        )


def moment_of(text: Any) -> datetime | None:
    """Return a moment as sources write it; None for what is none."""
    said = str(text or "").strip()
    try:
        if said.isdecimal():  # since 1970, in seconds or milliseconds
            number = int(said)
            return datetime.fromtimestamp(number / 1000 if number > 10**11 else number, tz=UTC)
        moment = datetime.fromisoformat(said)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
