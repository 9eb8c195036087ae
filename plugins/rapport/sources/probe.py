"""One harmless call to a source: whether its connection works, before a night finds out.

What only one source needs is loaded when that source is called: dlt takes half a second.
"""

from collections.abc import Callable
from dataclasses import replace

from rapport.sources.connection import Connection
from rapport.sources.mapped import MappedSource
from rapport.sources.streams import HUBSPOT, KLAVIYO, SHOP, STREAMS

PATIENCE_SECONDS = 15.0


def probe(source: str, connection: Connection, mapped: MappedSource | None = None) -> str:
    """Ask a source for next to nothing, and say what it answered.

    Args:
        source: which.
        connection: its connection. Whatever it allows, there is one try of `PATIENCE_SECONDS`.
        mapped: what the firm declares of it, if it is one of its own.

    Raises:
        SourceError: as a pull would.
    """
    options = dict(connection.options) | {"deadline_seconds": PATIENCE_SECONDS, "max_attempts": 1}
    brief = replace(connection, options=options)
    if mapped:
        from rapport.sources.mapped.pulled import probe_mapped

        return probe_mapped(mapped, brief)
    return _PROBES[source](brief)


def _hubspot(connection: Connection) -> str:
    from rapport.sources.hubspot.crm import Crm
    from rapport.sources.hubspot.types import CONTACTS

    return f"answers, and counts {Crm(connection).total(CONTACTS):,} contacts"


def _klaviyo(connection: Connection) -> str:
    from rapport.sources import versions
    from rapport.sources.klaviyo.api import Klaviyo

    page = next(Klaviyo(connection).pages(versions.METRICS.path(), {}))
    return f"answers, and names {len(page):,} kinds of events on its first page"


def _shop(connection: Connection) -> str:
    from rapport.sources.shop import open_shop

    wanted = [stream for stream in STREAMS if stream.source == SHOP and stream.cursor]
    engine, _ = open_shop(connection, wanted)
    engine.dispose()
    return f"answers, and has {', '.join(stream.name for stream in wanted)}"


_PROBES: dict[str, Callable[[Connection], str]] = {
    HUBSPOT: _hubspot,
    KLAVIYO: _klaviyo,
    SHOP: _shop,
}
