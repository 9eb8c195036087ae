"""Pull one group of streams into the landing, slice by slice.

Where a slice may end is where everything up to there may stand on its own:

- A stream with a cursor comes in its order, so after any page: what is landed is all there is up
  to the newest cursor, and the next pull goes on from there.
- Where the source begins with the newest (`Stream.newest_first`) a part says nothing about what
  is older: it counts once the pull has come to its end. A second try of the same night goes on
  below it.
- Rows that belong together (`Stream.whole_by`: the members of a list, the lines of an order) are in
  one load: the latest one is the truth about them.
- Answers about one record each (associations, statuses) after any page: who was read is not read
  again by the next try of the same night.
- What has neither is read from its beginning by each pull; its newest versions count.
- A file of a declared source is loads of its own, and ends with the note that it was read.
- A reconciliation ends with the totals of a stream; Klaviyo's, in which a merge and the events that
  moved with it belong together, at its end.
"""

import gc
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pyarrow as pa

from rapport import landing
from rapport.errors import DamagedLanding, LandingError, RapportError, SourceError
from rapport.settings import cutoff_of
from rapport.sources.connection import Connection
from rapport.sources.declared import EVERYTHING, Declared
from rapport.sources.erased import Erased
from rapport.sources.hubspot import hubspot
from rapport.sources.klaviyo import klaviyo
from rapport.sources.known import Known
from rapport.sources.mapped import keep_declaration
from rapport.sources.mapped.pulled import pull_mapped
from rapport.sources.records import Page, Table, moment_of, to_table
from rapport.sources.said import masked
from rapport.sources.shop import reconcile_shop, shop
from rapport.sources.streams import (
    FILES_READ,
    HUBSPOT,
    KLAVIYO,
    REMOVALS,
    SOURCE_TOTALS,
    Stream,
)

logger = logging.getLogger(__name__)

# Read by dlt's HTTP client when it first looks something up.
_DLT_OPTIONS = {
    # Else dlt asks Airflow for a variable on every look-up; connections come as arguments.
    "PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "RUNTIME__LOG_LEVEL": "WARNING",
}


def pull(
    group: str,
    connection: Connection,
    *,
    as_of: date,
    landing_dir: Path,
    work_dir: Path,
    declared: Declared = EVERYTHING,
    window: tuple[datetime, datetime] | None = None,
) -> dict[str, int]:
    """Land what is new in a group of streams, as the night of ``as_of`` sees it.

    Args:
        group: one of those that are declared.
        connection: of the group's source; ``options`` may set ``deadline_seconds``, for all of the
            pull, and ``slice_seconds``, how much of it a killed process loses.
        as_of: the night.
        landing_dir: the landing.
        work_dir: working folders; nothing in them outlives a pull.
        declared: what the firm has; of the group, nothing else is asked for.
        window: pull again what changed from the first until the second moment. Its loads are
            further ones of the night; where the next pull starts does not follow from them.

    Returns:
        Rows landed per stream; 0 where nothing was new. A reconciliation also names the streams
        in which it found records that were missing.

    Raises:
        SourceDenied: the source refuses the credentials.
        NotBefore: the source answers again only after the pull is over.
        SourceError: the source cannot be used as it answers, or not within the deadline. What came
            before is landed, and the next pull goes on from there.
        LandingError: the landing cannot be written or read, another process pulls this group, or
            somebody was erased meanwhile.
        ErasureError: whom not to bring back cannot be told.
    """
    os.environ.update(_DLT_OPTIONS)
    with _heap_at_rest():
        return _pull(group, connection, as_of, landing_dir, work_dir, declared, window)


def _pull(
    group: str,
    connection: Connection,
    as_of: date,
    landing_dir: Path,
    work_dir: Path,
    declared: Declared,
    window: tuple[datetime, datetime] | None,
) -> dict[str, int]:
    connection = replace(connection)  # its deadline counts from here
    streams = declared.groups[group]
    source = streams[0].source
    seconds = connection.options.get("slice_seconds")
    erased = Erased.of(landing_dir, source, declared.mapped_source(source))
    rows = {stream.name: 0 for stream in streams}
    while True:
        try:
            if mapped := declared.mapped_source(source):
                keep_declaration(mapped, landing_dir)
            # All of them: staging reads what no pull has brought yet.
            for stream in declared.all_streams:
                landing.declare(landing_dir, stream.source, stream.name, stream.declared)
            with landing.Slices(
                landing_dir,
                work_dir,
                source,
                group,
                # What is pulled again is no pull of a stream: it moves no start.
                [] if window else [stream.name for stream in streams],
                as_of,
                seconds=None if seconds is None else float(seconds),
                before_landing=erased.demand_still_all,
            ) as slices:
                known = Known(landing_dir, as_of, window)
                pages = _pages(group, declared, connection, known, work_dir / group)
                for stream, table in _in_time(pages, connection):
                    left = erased(stream.name, _within(stream, table, window))
                    slices.leave_out(stream.name, left.erased)
                    slices.add(stream.name, left.rows, stream.whole_by)
                    if stream == FILES_READ[source]:
                        slices.cut(at_once=True)
                    elif _may_end(streams, declared, stream):
                        slices.cut()
        except DamagedLanding as damaged:  # each time one load less: it comes to an end
            logger.warning("%s", damaged)
            continue
        except RapportError:
            raise
        except Exception as error:
            raise _told(error, connection, group) from error
        return rows | slices.rows


@contextmanager
def _heap_at_rest() -> Iterator[None]:
    """Let pages come and go without all that was imported being searched for garbage each time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def loads_of_night(
    landing_dir: Path, as_of: date, declared: Declared = EVERYTHING
) -> list[tuple[str, str]]:
    """Return (source, load id) of every completed load that a build of the night takes in."""
    return [
        (source, load)
        for source in sorted({stream.source for stream in declared.all_streams})
        for load in sorted(landing.loads_of_night(landing_dir, source, as_of))
    ]


def _pages(
    group: str, declared: Declared, connection: Connection, known: Known, work_dir: Path
) -> Iterator[Page] | Iterator[Table] | Iterator[Page | Table]:
    streams = declared.groups[group]
    source = streams[0].source
    if mapped := declared.mapped_source(source):
        return pull_mapped(mapped, connection, known, work_dir)
    if source == HUBSPOT:
        return hubspot(connection, group, known, declared.streams)
    if source == KLAVIYO:
        until = cutoff_of(known.as_of)
        return klaviyo(
            connection, group, known, min(until, known.window[1]) if known.window else until
        )
    if group == "shop_reconciliation":
        return reconcile_shop(connection, known, declared.streams)
    return shop(connection, {stream: known.start(stream) for stream in streams})


def _in_time(
    pages: Iterable[Page] | Iterable[Table] | Iterable[Page | Table], connection: Connection
) -> Iterator[Table]:
    """Yield pages as tables for as long as the pull may take.

    Raises:
        DeadlinePassed: it takes longer.
    """
    for stream, rows in pages:
        connection.deadline.left()
        yield stream, rows if isinstance(rows, pa.Table) else to_table(stream, rows)


def _within(stream: Stream, rows: pa.Table, window: tuple[datetime, datetime] | None) -> pa.Table:
    """Return the rows that changed in a window; of what belongs together all that comes."""
    if window is None or (stream.whole_by and stream.cursor):
        return rows
    if stream.cursor is None or stream.cursor not in rows.column_names:
        return rows.slice(0, 0)  # as a whole it is read every night
    moments = map(moment_of, rows[stream.cursor].to_pylist())
    return rows.filter(
        pa.array([bool(at and window[0] <= at < window[1]) for at in moments], pa.bool_())
    )


def _may_end(streams: Sequence[Stream], declared: Declared, stream: Stream) -> bool:
    """Whether a slice may end after a page of the stream."""
    source = stream.source
    if REMOVALS[source] in streams and not declared.mapped_source(source):
        return stream == SOURCE_TOTALS[source] and source != KLAVIYO
    return not stream.whole_by


def _told(error: Exception, connection: Connection, group: str) -> RapportError:
    """Return an error of ours that says what is at the bottom of another library's."""
    innermost: BaseException = error
    while cause := innermost.__cause__ or innermost.__context__:
        innermost = cause
        if isinstance(innermost, RapportError):
            return innermost
    said = f"{group}: {type(innermost).__name__}: {_first_line(innermost)}"
    if isinstance(innermost, OSError) and innermost.errno is not None:
        return LandingError(
            f"{said}. What came before is landed, and the next run goes on from there"
        )
    return SourceError(connection.id, said)


def _first_line(error: BaseException) -> str:
    lines = [line for line in map(str.strip, str(error).splitlines()) if line]
    return masked(" ".join(lines[: 2 if lines and lines[0].endswith(":") else 1]) or "no message")
