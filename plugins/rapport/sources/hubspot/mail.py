"""The e-mail that HubSpot itself sends to many: which there are, and what became of each.

The events name a recipient by address and the e-mail by the id of a sending; which e-mail a
sending belongs to is said by the e-mail. Events are the newest first and may come late, so a
night reads the last days again.

The log is append-only: an event has an id and a time and is never changed or taken back, so there
is nothing to notice but one that came later than the days that are read again. Nor is there
anything to count against: the log says no total, and the statistics of an e-mail count otherwise
(a recipient once, robots left out). So of the last four weeks every day is listed again once a
week, and what we lack lands. What a person's erasure takes away there is noticed of their contact.

The events have no dated path yet: `versions` says until when the undated one is supported.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from rapport.errors import SourceError
from rapport.settings import cutoff_of
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.hubspot.crm import LIST_PAGE_SIZE, REMEDY, Crm, Record
from rapport.sources.known import SWEEP_DAYS, Known, count, total
from rapport.sources.records import Page, Row, as_text, to_row
from rapport.sources.resuming import resumed
from rapport.sources.streams import EMAIL_EVENTS, HUBSPOT, MARKETING_EMAILS, SOURCE_TOTALS, Stream
from rapport.sources.strict import FLAW

EVENTS_PAGE_SIZE = 1000  # the API's most
# Never a subject, a body, a sender, a device or a place.
EMAIL_FIELDS = (
    "name",
    "state",
    "type",
    "isTransactional",
    "publishDate",
    "primaryEmailCampaignId",
    "allEmailCampaignIds",
    "testing",
)
AGAIN_DAYS = 28
LANDED = """
create or replace table live as
select distinct id
from email_events
where try_cast(created_at as timestamptz) >= ? and try_cast(created_at as timestamptz) < ?
"""
EVENT_FIELDS = ("filteredEvent", "portalSubscriptionStatus")


def pull_marketing_emails(crm: Crm) -> Iterator[Page]:
    """Yield every marketing e-mail, archived ones too.

    Raises:
        SourceDenied: the key lacks the scope marketing-email.
    """
    path = crm.path(versions.MARKETING_EMAILS)
    for archived in ("false", "true"):
        params = {"limit": LIST_PAGE_SIZE, "archived": archived}
        for page in resumed(partial(_emails, crm, path, params)):
            yield MARKETING_EMAILS, [_row(crm, MARKETING_EMAILS, r, EMAIL_FIELDS) for r in page]


def pull_email_events(
    connection: Connection, crm: Crm, since: datetime | None, until: datetime
) -> Iterator[Page]:
    """Yield what became of every e-mail in a span of time.

    Args:
        connection: HubSpot's.
        crm: HubSpot.
        since: the first moment; None for all there is.
        until: events at or after this moment belong to a later night.

    Raises:
        SourceDenied: the key lacks the scope content.
    """
    for page in _events(connection, since, until):
        yield EMAIL_EVENTS, [_event(crm, event) for event in page]


def pull_late_events(connection: Connection, crm: Crm, known: Known) -> Iterator[Page]:
    """Yield events of the last weeks that came later than the days that every night reads again.

    Every day is listed once a week; a call and one more per thousand events of the day.

    Args:
        connection: HubSpot's.
        crm: HubSpot.
        known: what is landed.
    """
    until = cutoff_of(known.as_of)
    with known.open(EMAIL_EVENTS) as landed:
        for days in range(AGAIN_DAYS):
            end = until - EMAIL_EVENTS.overlap - timedelta(days=days)
            start = end - timedelta(days=1)
            if (start.date().toordinal() - known.as_of.toordinal()) % SWEEP_DAYS:
                continue
            landed.execute(LANDED, [start, end])
            before = count(landed, "select count(*) from live")
            there = 0
            for page in _events(connection, start, end):
                there += len(page)
                rows = [_event(crm, event) for event in page]
                ids = landed.execute(
                    "select unnest(?::varchar[]) as id except select id from live",
                    [[row["id"] for row in rows]],
                ).fetchall()
                lacking = {id_ for (id_,) in ids}
                before += len(lacking)
                yield EMAIL_EVENTS, [row for row in rows if row["id"] in lacking or FLAW in row]
            if there or before:
                row = total(
                    EMAIL_EVENTS,
                    known,
                    source_total=there,
                    landed_total=before,
                    method="listing",
                    since=start,
                    until=end,
                )
                yield SOURCE_TOTALS[HUBSPOT], [row]


def _emails(crm: Crm, path: str, params: dict[str, Any], _: None) -> Iterator[list[Record]]:
    """Yield the pages of e-mails, which say how many there are.

    Raises:
        SourceError: there are more than the pages hold.
    """
    pages = crm.api.pages(
        path,
        params=params,
        paginator=JSONResponseCursorPaginator(
            cursor_path="paging.next.after", cursor_param="after"
        ),
    )
    seen, said = 0, None
    for page in pages:
        if not seen:
            said = page.response.json().get("total")
        seen += len(page)
        yield page
    if isinstance(said, int) and seen < said:
        raise SourceError(crm.id, f"{path}: there are {said} e-mails, but the pages hold {seen}")


def _events(
    connection: Connection, since: datetime | None, until: datetime
) -> Iterator[list[Record]]:
    """Yield pages of events of a span, the newest first; after an expired offset from the last."""
    api = Api(connection, scheme="Bearer", records="events", remedy=REMEDY)

    def listing(end: int | None) -> Iterator[list[Record]]:
        span = {"endTimestamp": end or _milliseconds(until)}
        if since:
            span["startTimestamp"] = _milliseconds(since)
        yield from api.pages(
            versions.EMAIL_EVENTS.path(),
            params={"limit": EVENTS_PAGE_SIZE, **span},
            # the last page has an offset too
            paginator=JSONResponseCursorPaginator(
                cursor_path="offset", cursor_param="offset", has_more_path="hasMore"
            ),
        )

    yield from resumed(listing, _end_of)


def _end_of(page: list[Record]) -> int | None:
    """Return the instant before which a page's successor ends, so that none of it is lost."""
    times = [event["created"] for event in page if isinstance(event.get("created"), int)]
    return min(times) + 1 if times else None


def _event(crm: Crm, event: Record) -> Row:
    return _row(crm, EMAIL_EVENTS, event, EVENT_FIELDS, created_at=_instant(event))


def _row(crm: Crm, stream: Stream, record: Record, fields: tuple[str, ...], **known: Any) -> Row:
    """Return a record with the fields that are used, and none of the others."""
    kept = {member: record[member] for member in (*stream.members, FLAW) if member in record}
    attributes = {name: record[name] for name in fields if record.get(name) is not None}
    return to_row(stream, kept, connection=crm.id, attributes=attributes, **known)


def _instant(event: Record) -> str | None:
    """Return when an event happened as a text that sorts; as it came if it is no number."""
    created = event.get("created")
    if isinstance(created, int) and 0 <= created < 10**14:
        return datetime.fromtimestamp(created / 1000, UTC).isoformat(timespec="milliseconds")
    return as_text(created)


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
