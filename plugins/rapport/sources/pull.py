"""Pull one group of streams into the landing."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dlt

from rapport import landing
from rapport.errors import RapportError, SourceError
from rapport.settings import cutoff_of
from rapport.sources.connection import Connection
from rapport.sources.declared import Declared
from rapport.sources.hubspot import hubspot
from rapport.sources.klaviyo import klaviyo
from rapport.sources.known import Known
from rapport.sources.records import Page
from rapport.sources.shop import reconcile_shop, shop
from rapport.sources.streams import HUBSPOT, KLAVIYO, STREAMS, Stream

EVERYTHING = Declared()


def pull(
    group: str,
    connection: Connection,
    *,
    as_of: date,
    landing_dir: Path,
    work_dir: Path,
    declared: Declared = EVERYTHING,
) -> dict[str, int]:
    """Land what is new in a group of streams, as the night of ``as_of`` sees it.

    Args:
        group: one of those that are declared.
        connection: of the group's source.
        as_of: the night.
        landing_dir: the landing.
        work_dir: working folders of unfinished loads; kept across restarts.
        declared: what the firm has; of the group, nothing else is asked for.

    Returns:
        Rows landed per stream; 0 where nothing was new. A reconciliation also names the streams
        in which it found records that were missing.

    Raises:
        SourceDenied: the source refuses the credentials.
        SourceError: the source cannot be used as it answers.
        LandingError: not every row arrived.
    """
    landing.configure_dlt()
    streams = declared.groups[group]
    source = streams[0].source
    for stream in STREAMS:  # all of them: staging reads what no pull has brought yet
        landing.declare(landing_dir, stream.source, stream.name, stream.declared)
    wanted = _resources(group, declared, connection, Known(landing_dir, as_of))

    @dlt.source(name=source, max_table_nesting=0)
    def selected() -> Any:
        return wanted

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
    return {stream.name: 0 for stream in streams} | landed.rows


def loads_of_night(landing_dir: Path, as_of: date) -> list[tuple[str, str]]:
    """Return (source, load id) of every completed load that a build of the night takes in."""
    return [
        (source, load)
        for source in sorted({stream.source for stream in STREAMS})
        for load in sorted(landing.loads_of_night(landing_dir, source, as_of))
    ]


def _resources(group: str, declared: Declared, connection: Connection, known: Known) -> list[Any]:
    streams = declared.groups[group]
    source = streams[0].source
    if source == HUBSPOT:
        return [_resource(group, hubspot(connection, group, known, declared.streams))]
    if source == KLAVIYO:
        return [_resource(group, klaviyo(connection, group, known, cutoff_of(known.as_of)))]
    if group == "shop_reconciliation":
        return [_resource(group, reconcile_shop(connection, known, declared.streams))]
    return shop(connection, {stream: known.start(stream) for stream in streams})


def _resource(name: str, pages: Iterator[Page]) -> Any:
    """Return pages of several streams as one resource of dlt, each page to its own table."""

    @dlt.resource(name=name)
    def resource() -> Iterator[Any]:
        declared: set[str] = set()
        for stream, rows in pages:
            if not rows:
                continue
            if stream.name in declared:
                yield dlt.mark.with_table_name(rows, stream.name)
            else:
                hints = dlt.mark.make_hints(table_name=stream.name, columns=_text(stream))
                yield dlt.mark.with_hints(rows, hints, create_table_variant=True)
                declared.add(stream.name)

    return resource


def _text(stream: Stream) -> dict[str, Any]:
    """Return dlt's column hints for a stream: everything lands as text."""
    return {column: {"data_type": "text", "nullable": True} for column in stream.columns}


def _ours(error: BaseException | None) -> RapportError | None:
    """The error of ours that another library's error carries, if any."""
    while error is not None:
        if isinstance(error, RapportError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0][:300]
