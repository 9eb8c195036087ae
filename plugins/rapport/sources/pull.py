"""Pull one group of streams into the landing."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import dlt

from rapport import landing
from rapport.errors import RapportError, SourceError
from rapport.settings import cutoff_of
from rapport.sources.connection import Connection
from rapport.sources.hubspot import hubspot
from rapport.sources.klaviyo import klaviyo
from rapport.sources.shop import shop
from rapport.sources.streams import GROUPS, HUBSPOT, KLAVIYO, STREAMS, Stream


def pull(
    group: str, connection: Connection, *, as_of: date, landing_dir: Path, work_dir: Path
) -> dict[str, int]:
    """Land what is new in a group of streams, as the night of ``as_of`` sees it.

    Args:
        group: a key of ``streams.GROUPS``.
        connection: of the group's source.
        as_of: the night.
        landing_dir: the landing.
        work_dir: working folders of unfinished loads; kept across restarts.

    Returns:
        Rows landed per stream; 0 where nothing was new.

    Raises:
        SourceDenied: the source refuses the credentials.
        SourceError: the source cannot be used as it answers.
        LandingError: not every row arrived.
    """
    landing.configure_dlt()
    streams = GROUPS[group]
    source = streams[0].source
    for stream in STREAMS:  # all of them: staging reads what no pull has brought yet
        landing.declare(landing_dir, stream.source, stream.name, stream.columns)
    starts = {stream.name: _start(stream, landing_dir, as_of) for stream in streams}
    wanted = _resources(source, connection, starts, as_of)

    @dlt.source(name=source, max_table_nesting=0)
    def selected() -> Any:
        return [resource for resource in wanted if resource.name in starts]

    try:
        landed = landing.land(
            selected(),
            name=group,
            source=source,
            landing_dir=landing_dir,
            work_dir=work_dir,
            as_of=as_of,
        )
    except Exception as error:
        # dlt wraps what a resource raises; the cause is what an operator can act on.
        ours = _ours(error)
        if ours:
            raise ours from None
        raise SourceError(
            connection.id, f"{group}: {type(error).__name__}: {_first_line(error)}"
        ) from error
    return {stream.name: landed.rows.get(stream.name, 0) for stream in streams}


def loads_of_night(landing_dir: Path, as_of: date) -> list[tuple[str, str]]:
    """Return (source, load id) of every completed load that a build of the night takes in."""
    return [
        (source, load)
        for source in sorted({stream.source for stream in STREAMS})
        for load in sorted(landing.loads_of_night(landing_dir, source, as_of))
    ]


def _resources(
    source: str, connection: Connection, starts: dict[str, datetime | None], as_of: date
) -> list[Any]:
    if source == HUBSPOT:
        return hubspot(connection, starts)
    if source == KLAVIYO:
        return klaviyo(connection, starts, cutoff_of(as_of))
    return shop(connection, starts, tuple(starts))


def _start(stream: Stream, landing_dir: Path, as_of: date) -> datetime | None:
    if stream.cursor is None:
        return None
    newest = landing.watermark(landing_dir, stream.source, stream.name, stream.cursor, as_of)
    return newest - stream.overlap if newest else None


def _ours(error: BaseException | None) -> RapportError | None:
    """The error of ours that another library's error carries, if any."""
    while error is not None:
        if isinstance(error, RapportError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:300]
