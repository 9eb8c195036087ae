"""What the landing knows already, as far as one night sees it.

A pull asks it where to start, which ids to read again and what should still be there:
set-wise, by DuckDB over the parquet; only the ids that are sent to the source come out.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from rapport import landing
from rapport.errors import ScopeMissing
from rapport.settings import cutoff_of
from rapport.sources.records import Page, Row, as_text
from rapport.sources.streams import REMOVALS, SOURCE_TOTALS, Stream

logger = logging.getLogger(__name__)

# Some sources compare whole seconds, and records of one second may stand on two pages.
A_MOMENT = timedelta(seconds=1)
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
# Seconds since 1970 from 2001 to 2065: a number among these, or a thousand times one, is a time.
_CLOCK_SECONDS, _UNITS = range(10**9, 3 * 10**9), (1, 1000)


@dataclass(frozen=True)
class Known:
    """The landing up to one night.

    Attributes:
        landing_dir: the landing.
        as_of: the night.
        window: what is pulled again, from and until, whatever has landed; None for what is new.
    """

    landing_dir: Path
    as_of: date
    window: tuple[datetime, datetime] | None = None

    def newest(self, stream: Stream) -> datetime | None:
        """Return the newest cursor that was landed, or None before the first load."""
        if stream.cursor is None:
            return None
        return self._reached(stream).newest

    def start(self, stream: Stream) -> datetime | None:
        """Return the moment from which a pull reads again, or None for everything.

        What an unfinished pull of this night has brought lately is not read again.
        """
        if self.window:
            return self.window[0]
        reached = self._reached(stream)
        if reached.newest is None:
            return None
        start = reached.newest - stream.overlap
        if reached.newest_resumed is None or stream.newest_first:
            return start
        return max(start, reached.newest_resumed - A_MOMENT)

    def start_number(self, stream: Stream) -> int | None:
        """Return the number from which a pull reads again, of a cursor that is one; or None.

        It is read again itself; of one that counts seconds or milliseconds since 1970 the overlap
        too.
        """
        found = self._reached(stream, is_number=True)
        newest = found.newest_resumed if found.newest_resumed and not stream.newest_first else None
        newest = newest or found.newest
        if newest is None:
            return None
        number = (newest - _EPOCH) // _MICROSECOND
        for unit in _UNITS:
            if number // unit in _CLOCK_SECONDS:
                return int(number - stream.overlap.total_seconds() * unit)
        return number

    def end(self, stream: Stream) -> datetime:
        """Return the moment up to which a pull reads a stream whose source begins with the newest.

        The night's cutoff, or where an unfinished pull of this night stopped.
        """
        cutoff = cutoff_of(self.as_of)
        if self.window:
            return min(cutoff, self.window[1])
        oldest = self._reached(stream).oldest_resumed
        return min(cutoff, oldest + A_MOMENT) if oldest else cutoff

    def _reached(self, stream: Stream, *, is_number: bool = False) -> landing.Reached:
        if stream.cursor is None:
            return landing.Reached()
        return landing.reached(
            self.landing_dir,
            stream.source,
            stream.name,
            stream.cursor,
            self.as_of,
            newest_first=stream.newest_first,
            is_number=is_number,
            engine=lambda: self._engine,
        )

    @cached_property
    def _engine(self) -> duckdb.DuckDBPyConnection:
        """Reads how far every stream goes; to start one takes longer than to ask it."""
        return landing.started()

    def is_lost(self, stream: Stream) -> bool:
        """Say whether a load of the stream was lost and is not pulled again yet."""
        return landing.is_lost(self.landing_dir, stream.source, stream.name, self.as_of)

    @contextmanager
    def open(self, *streams: Stream) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection in which each stream (of one source) is a view of what was landed."""
        names = [stream.name for stream in streams]
        source = streams[0].source
        with landing.opened(self.landing_dir, source, names, self.as_of) as connection:
            yield connection


# Nobody says when a tie or a status changes: what changed tonight is read again, a part of the
# rest each night, and whatever a skipped night left behind; all of it after a load was lost. What
# an unfinished pull of this night has read is not read again.
SWEEP_DAYS = 7
IS_RESUMED = "bool_or(_dlt_load_id in (select load_id from resumed))"
DUE = """(
    state.seen_on = $as_of
    or state.seen_on > read.read_on
    or $everything
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


def id_of(columns: Sequence[str]) -> str:
    """SQL of a row's id: the key column, or a JSON list of several."""
    names = ['"' + column.replace('"', '""') + '"' for column in columns]
    return names[0] if len(names) == 1 else f"to_json([{', '.join(names)}])::varchar"


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
    stream: Stream,
    known: Known,
    *,
    source_total: int | None,
    landed_total: int | None,
    method: str,
    since: datetime | None = None,
    until: datetime | None = None,
    not_compared: Sequence[Mapping[str, Any]] = (),
) -> Row:
    """Return the row that sets what the source says against what the landing knows.

    Args:
        stream: what was counted.
        known: the landing.
        source_total: by the source; None where nothing could be counted.
        landed_total: by the landing, in the same span and of the same kinds.
        method: how it was counted.
        since: the first moment of the span; None for all there is.
        until: its end; the end of the night if left out.
        not_compared: what of the span was not counted, each with ``why``.
    """
    return {
        "stream": stream.name,
        "source_total": as_text(source_total),
        "landed_total": as_text(landed_total),
        "checked_on": known.as_of.isoformat(),
        "method": method,
        "compared_from": since.isoformat() if since else None,
        "compared_to": (until or cutoff_of(known.as_of)).isoformat(),
        "not_compared": as_text(list(not_compared)) if not_compared else None,
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
    except ScopeMissing as refused:
        if not stream.is_dispensable:
            raise
        scope = ", ".join(refused.missing_scopes) or stream.scope  # the source knows better
        logger.warning(
            "connection %r: the key may not read %s, which is left out tonight. It lacks the scope "
            "%s; give it that, or switch the stream off in sources.yml",
            connection,
            stream.full_name,
            scope,
        )
        row = dict.fromkeys(SOURCE_TOTALS[stream.source].columns) | {
            "stream": stream.name,
            "checked_on": known.as_of.isoformat(),
            "method": f"{REFUSED}: {scope}",
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


def changed(
    connection: duckdb.DuckDBPyConnection, rows: Sequence[Row], column: str, hashed: str
) -> set[str]:
    """Return the ids of rows that say otherwise than the landing, whatever their dates say.

    Args:
        connection: with a table ``state`` that has ``said``, the `hashed` of the latest version.
        rows: as the source has them now.
        column: of the rows.
        hashed: SQL over it.
    """
    found = connection.execute(
        f"""
        select now.id
        from (select unnest(?::varchar[]) as id, unnest(?::varchar[]) as "{column}") as now
        inner join state using (id)
        where not state.is_archived and {hashed} is distinct from state.said
        """,
        [[row["id"] for row in rows], [row[column] for row in rows]],
    ).fetchall()
    return {id_ for (id_,) in found}
