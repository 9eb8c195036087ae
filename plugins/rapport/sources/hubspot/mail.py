"""The e-mail that HubSpot itself sends to many: which there are, and what became of each.

The events name a recipient by address and the e-mail by the id of a sending; which e-mail a
sending belongs to is said by the e-mail. Events are the newest first and may come late, so a
night reads the last days again.

Events are not reconciled. The log is append-only: an event has an id and a time and is never
changed or taken back, so there is nothing to notice but one that came later than the days that are
read again, and a backfill of a span reads what it has once more. Nor is there anything to count
against: the log says no total, and the statistics of an e-mail count otherwise (a recipient once,
robots left out). What a person's erasure takes away there is noticed of their contact.

The dated path of the e-mails works as well; set `marketing_emails_path` to use it. The events have
no dated path yet (`email_events_path`); support of both undated ones ends in September 2027.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.hubspot.crm import LIST_PAGE_SIZE, REMEDY, Crm, Record
from rapport.sources.records import Page, Row, as_text, to_row
from rapport.sources.streams import EMAIL_EVENTS, MARKETING_EMAILS, Stream
from rapport.sources.strict import FLAW

EMAILS_PATH = "/marketing/v3/emails"
EVENTS_PATH = "/email/public/v1/events"
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
EVENT_FIELDS = ("filteredEvent", "portalSubscriptionStatus")


def pull_marketing_emails(crm: Crm, connection: Connection) -> Iterator[Page]:
    """Yield every marketing e-mail, archived ones too.

    Raises:
        SourceDenied: the key lacks the scope marketing-email.
    """
    path = connection.options.get("marketing_emails_path", EMAILS_PATH)
    for archived in ("false", "true"):
        pages = crm.api.pages(
            path,
            params={"limit": LIST_PAGE_SIZE, "archived": archived},
            paginator=JSONResponseCursorPaginator(
                cursor_path="paging.next.after", cursor_param="after"
            ),
        )
        for page in pages:
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
    api = Api(connection, scheme="Bearer", records="events", remedy=REMEDY)
    span = {"endTimestamp": _milliseconds(until)}
    if since:
        span["startTimestamp"] = _milliseconds(since)
    pages = api.pages(
        connection.options.get("email_events_path", EVENTS_PATH),
        params={"limit": EVENTS_PAGE_SIZE, **span},
        # the last page has an offset too
        paginator=JSONResponseCursorPaginator(
            cursor_path="offset", cursor_param="offset", has_more_path="hasMore"
        ),
    )
    for page in pages:
        yield (
            EMAIL_EVENTS,
            [
                _row(crm, EMAIL_EVENTS, event, EVENT_FIELDS, created_at=_instant(event))
                for event in page
            ],
        )


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
