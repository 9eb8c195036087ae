"""What the landing knows already, as far as one night sees it.

A pull asks it where to start, which ids to read again and what should still be there:
set-wise, by DuckDB over the parquet; only the ids that are sent to the source come out.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from rapport import landing
from rapport.errors import ScopeMissing
from rapport.sources.records import Page, Row
from rapport.sources.streams import REMOVALS, SOURCE_TOTALS, Stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Known:
    """The landing up to one night.

    Attributes:
        landing_dir: the landing.
        as_of: the night.
    """

    landing_dir: Path
    as_of: date

    def newest(self, stream: Stream) -> datetime | None:
        """Return the newest cursor that was landed, or None before the first load."""
        if stream.cursor is None:
            return None
        return landing.watermark(
            self.landing_dir, stream.source, stream.name, stream.cursor, self.as_of
        )

    def start(self, stream: Stream) -> datetime | None:
        """Return the moment from which a pull reads again, or None for everything."""
        newest = self.newest(stream)
        return newest - stream.overlap if newest else None

    @contextmanager
    def open(self, *streams: Stream) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection in which each stream (of one source) is a view of what was landed."""
        names = [stream.name for stream in streams]
        source = streams[0].source
        with landing.opened(self.landing_dir, source, names, self.as_of) as connection:
            yield connection


# Nobody says when a tie or a status changes: what changed tonight is read again, a part of the
# rest each night, and whatever a skipped night left behind.
SWEEP_DAYS = 7
DUE = """(
    state.seen_on = $as_of
    or read.read_on is null
    or read.read_on <= $as_of::date - $sweep::integer
    or hash(state.id) % $sweep = date_diff('day', date '1970-01-01', $as_of::date) % $sweep
)"""


def create_state(
    connection: duckdb.DuckDBPyConnection,
    stream: Stream,
    more: str = "",
    *,
    is_archived: str = "archived = 'true'",
    relation: str | None = None,
) -> None:
    """Make the table ``state``: each record of a stream that was not noticed as gone.

    Where a record stands is what its latest load says; archived beats live within one load. What
    was noticed as gone stays gone until a later night lands it again.

    Args:
        connection: with views of the stream and of ``removals``.
        stream: whose records; they have an ``id``.
        more: further columns, aggregates over the versions of a record.
        is_archived: says it of one version.
        relation: the versions, where they are not the stream itself.
    """
    connection.execute(
        f"""
        create or replace table state as
        select *
        from (
            select
                id,
                arg_max({is_archived}, (load_date, _dlt_load_id, {is_archived})) as is_archived,
                max(load_date) as seen_on,
                {more}
            from "{relation or stream.name}"
            where id is not null
            group by id
        ) as latest
        where
            not exists (
                select 1
                from removals
                where
                    removals.object_type = '{stream.name}'
                    and removals.id = latest.id
                    and try_cast(removals.noticed_on as date) >= latest.seen_on
            )
        """
    )


def batches(
    connection: duckdb.DuckDBPyConnection, size: int, query: str, values: Any = None
) -> Iterator[list[Any]]:
    """Yield the first column of a query in lists; the connection stays free for other queries."""
    answer = connection.cursor().execute(query, values or [])
    while rows := answer.fetchmany(size):
        yield [row[0] for row in rows]


def removal(source: str, known: Known, kind: str, id_: str, successor: str | None = None) -> Row:
    """Return the row that says a record is gone, and which one took its place if one did."""
    return dict.fromkeys(REMOVALS[source].columns) | {
        "object_type": kind,
        "id": id_,
        "noticed_on": known.as_of.isoformat(),
        "successor_id": successor,
    }


def total(
    stream: Stream, known: Known, *, source_total: int, landed_total: int, method: str
) -> Row:
    """Return the row that sets what the source says against what the landing knows."""
    return {
        "stream": stream.name,
        "source_total": str(source_total),
        "landed_total": str(landed_total),
        "checked_on": known.as_of.isoformat(),
        "method": method,
    }


REFUSED = "refused"  # the method of a total that nobody may ask for


def unless_refused(
    stream: Stream, known: Known, connection: str, pages: Iterator[Page]
) -> Iterator[Page]:
    """Yield pages of a stream; where the key lacks its scope, say so once and bring no more.

    What was landed of it on earlier nights stays. The total of the night says that nobody may ask.

    Args:
        stream: that the pages are of, or are about.
        known: the landing.
        connection: whose key it is, for the warning.
        pages: of it.

    Raises:
        ScopeMissing: a night without the stream is none.
    """
    try:
        yield from pages
    except ScopeMissing:
        if not stream.is_dispensable:
            raise
        logger.warning(
            "connection %r: the key may not read %s, which is left out tonight. It lacks the scope "
            "%s; give it that, or switch the stream off in sources.yml",
            connection,
            stream.full_name,
            stream.scope,
        )
        row = dict.fromkeys(SOURCE_TOTALS[stream.source].columns) | {
            "stream": stream.name,
            "checked_on": known.as_of.isoformat(),
            "method": f"{REFUSED}: {stream.scope}",
        }
        yield SOURCE_TOTALS[stream.source], [row]


def refused_on(landing_dir: Path, source: str, as_of: date) -> set[str]:
    """Return the full names of the streams of a source that its key might not read on a night."""
    totals = SOURCE_TOTALS[source]
    if not (landing_dir / source / totals.name).is_dir():
        return set()
    with Known(landing_dir, as_of).open(totals) as landed:
        found = landed.execute(
            "select distinct stream from source_totals "
            "where starts_with(method, ?) and try_cast(checked_on as date) = ?",
            [REFUSED, as_of],
        ).fetchall()
    return {f"{source}.{stream}" for (stream,) in found}


def listing_due(
    connection: duckdb.DuckDBPyConnection,
    known: Known,
    stream: Stream,
    turn: int,
    days: int = SWEEP_DAYS,
) -> bool:
    """Say whether all ids of a stream should be listed tonight, whatever the totals say.

    Args:
        connection: with the view ``source_totals``.
        known: the landing.
        stream: whose ids.
        turn: streams of different turns are listed on different days.
        days: how often.
    """
    found = connection.execute(
        "select max(try_cast(checked_on as date)) from source_totals "
        "where stream = ? and method = 'listing'",
        [stream.name],
    ).fetchone()
    last: date | None = found[0] if found else None
    if last is None or (known.as_of - last).days >= days:
        return True
    return known.as_of.toordinal() % days == turn % days


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """Return the number that a query counts."""
    found = connection.execute(query).fetchone()
    return int(found[0]) if found else 0
