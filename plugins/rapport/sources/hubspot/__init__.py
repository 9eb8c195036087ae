"""HubSpot: objects, owners, associations, preferences, marketing e-mail, reconciliation."""

from collections.abc import Iterator, Sequence

from rapport.sources.connection import Connection
from rapport.sources.hubspot.associations import RECENT_DAYS, pull_associations
from rapport.sources.hubspot.crm import Crm
from rapport.sources.hubspot.mail import pull_email_events, pull_late_events, pull_marketing_emails
from rapport.sources.hubspot.objects import pull_objects, pull_owners
from rapport.sources.hubspot.preferences import CHANNELS, pull_definitions, pull_statuses
from rapport.sources.hubspot.reconciliation import reconcile
from rapport.sources.hubspot.types import ASSOCIATIONS, OBJECT_TYPES
from rapport.sources.known import SWEEP_DAYS, Known, unless_refused
from rapport.sources.records import Page, refusal, set_apart
from rapport.sources.streams import (
    EMAIL_EVENTS,
    GROUPS,
    HUBSPOT,
    MARKETING_EMAILS,
    OWNERS,
    REFUSALS,
    STREAMS,
    Stream,
)


def hubspot(
    connection: Connection, group: str, known: Known, declared: Sequence[Stream] = STREAMS
) -> Iterator[Page]:
    """Yield what is new in a group of HubSpot's streams, and what could not be read of it.

    Args:
        connection: see `Crm`; ``options`` may also set ``recent_days``, for how long the
            associations of a record are read every night, ``listing_days``, how often all ids
            are listed, and ``status_channels``, whose statuses are asked for beside e-mail's.
        group: a key of ``streams.GROUPS``.
        known: what is landed.
        declared: the streams that are asked for.
    """
    crm = Crm(connection)
    for stream, rows in set_apart(_pull(crm, connection, group, known, declared), known.as_of):
        yield stream, rows
        yield from _refused(crm, known)
    yield from _refused(crm, known)


def _refused(crm: Crm, known: Known) -> Iterator[Page]:
    """Yield what was refused since the last time."""
    if refusals := crm.refusals():
        rows = [
            refusal(each.stream, known.as_of, each.reason, id_=each.id, part=each.part)
            for each in refusals
        ]
        yield REFUSALS[HUBSPOT], rows


def _email_events(crm: Crm, connection: Connection, known: Known) -> Iterator[Page]:
    """Yield the latest events and those that came late."""
    until, since = known.end(EMAIL_EVENTS), known.start(EMAIL_EVENTS)
    if since is None or since < until:
        yield from pull_email_events(connection, crm, since, until)
    if since:
        yield from pull_late_events(connection, crm, known)


def _pull(
    crm: Crm, connection: Connection, group: str, known: Known, declared: Sequence[Stream]
) -> Iterator[Page]:
    if group == "hubspot_associations":
        recent_days = int(connection.options.get("recent_days", RECENT_DAYS))
        pairs = [
            (kind, other)
            for kind, other in ASSOCIATIONS
            if {kind.stream, other.stream} <= set(declared)
        ]
        yield from pull_associations(crm, known, pairs, recent_days=recent_days)
    elif group == "hubspot_preferences":
        yield from pull_definitions(crm)
        yield from pull_statuses(crm, known, connection.options.get("status_channels", CHANNELS))
    elif group == "hubspot_marketing_email":
        mails = pull_marketing_emails(crm)
        yield from unless_refused(MARKETING_EMAILS, known, crm.id, mails)
        events = _email_events(crm, connection, known)
        yield from unless_refused(EMAIL_EVENTS, known, crm.id, events)
    elif group == "hubspot_reconciliation":
        days = int(connection.options.get("listing_days", SWEEP_DAYS))
        kinds = [kind for kind in OBJECT_TYPES.values() if kind.stream in declared]
        yield from reconcile(crm, known, kinds, listing_days=days)
    else:
        for stream in GROUPS[group]:
            if stream not in declared:
                continue
            if stream is OWNERS:
                pages = pull_owners(crm)
            else:
                pages = pull_objects(crm, OBJECT_TYPES[stream.name], known.start(stream))
            yield from unless_refused(stream, known, crm.id, pages)
