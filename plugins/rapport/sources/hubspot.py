"""HubSpot CRM: contacts and owners.

Changed contacts come from the search endpoint, sorted by modified date and id.
Every page is a query of its own that starts behind the last record read, never an
offset: a search may not look beyond 10,000 results, and with offsets a record that
is modified during the pull moves to the end and shifts an unread one out of sight.
Search does not show archived contacts, and archiving moves no modified date, so
all archived ones are listed each time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.sources.helpers.rest_client.paginators import JSONResponseCursorPaginator

from rapport.errors import SourceError
from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.records import to_row
from rapport.sources.streams import CONTACTS, OWNERS, Stream

OBJECTS_PATH = "/crm/v3/objects"  # the dated one works as well; set `objects_path` to use it
OWNERS_PATH = "/crm/v3/owners"
LIST_PAGE_SIZE = 100  # the API's most
SEARCH_PAGE_SIZE = 200  # the API's most
CONTACT_PROPERTIES = (
    "age",
    "createdate",
    "email",
    "firstname",
    "home_ownership",
    "household_comp",
    "household_size",
    "hs_language",
    "hubspot_owner_id",
    "income",
    "kids_count",
    "lastmodifieddate",
    "lastname",
    "lifecyclestage",
    "marital_status",
    "phone",
    "shop_customer_number",
)
REMEDY = (
    "Put the token of a private app with the scopes crm.objects.contacts.read and "
    "crm.objects.owners.read into the connection's password"
)

Row = dict[str, str | None]


def hubspot(connection: Connection, starts: dict[str, datetime | None]) -> list[Any]:
    """Return the resources ``contacts`` and ``owners``.

    Args:
        connection: ``url`` as far as the host (``https://api.hubapi.com``), ``secret`` the
            private app's token; ``options`` may set ``objects_path``, ``owners_path`` and
            ``contact_properties`` (a list that replaces the default).
        starts: per stream, the moment from which changed records are pulled, or None for all.
    """
    api = Api(connection, scheme="Bearer", records="results", remedy=REMEDY)
    objects_path = connection.options.get("objects_path", OBJECTS_PATH)
    owners_path = connection.options.get("owners_path", OWNERS_PATH)
    properties = sorted(connection.options.get("contact_properties", CONTACT_PROPERTIES))

    @dlt.resource(name=CONTACTS.name, columns=text_columns(CONTACTS))
    def contacts() -> Iterator[list[Row]]:
        for page in _changed(
            api,
            f"{objects_path}/contacts/search",
            connection=connection.id,
            properties=properties,
            modified="lastmodifieddate",
            since=starts.get(CONTACTS.name),
        ):
            yield [to_row(CONTACTS, record, connection=connection.id) for record in page]
        for page in api.pages(
            f"{objects_path}/contacts",
            params={
                "limit": LIST_PAGE_SIZE,
                "properties": ",".join(properties),
                "archived": "true",
            },
            paginator=_cursor(),
        ):
            yield [to_row(CONTACTS, record, connection=connection.id) for record in page]

    @dlt.resource(name=OWNERS.name, columns=text_columns(OWNERS))
    def owners() -> Iterator[list[Row]]:
        for archived in ("false", "true"):
            params = {"limit": LIST_PAGE_SIZE, "archived": archived}
            for page in api.pages(owners_path, params=params, paginator=_cursor()):
                yield [to_row(OWNERS, record, connection=connection.id) for record in page]

    return [contacts, owners]


def text_columns(stream: Stream) -> dict[str, Any]:
    """Return dlt's column hints for a stream: everything lands as text."""
    return {column: {"data_type": "text", "nullable": True} for column in stream.columns}


def _changed(
    api: Api,
    path: str,
    *,
    connection: str,
    properties: list[str],
    modified: str,
    since: datetime | None,
) -> Iterator[list[dict[str, Any]]]:
    """Yield pages of records modified at or after ``since``, oldest change first."""
    last: tuple[int, int] | None = None
    start = _milliseconds(since) if since else 0
    while True:
        filters = (
            [[_filter(modified, "GTE", start)]]
            if last is None
            else [
                [_filter(modified, "GT", last[0])],
                [_filter(modified, "EQ", last[0]), _filter("hs_object_id", "GT", last[1])],
            ]
        )
        answer = api.post(
            path,
            {
                "filterGroups": [{"filters": group} for group in filters],
                "sorts": [
                    {"propertyName": modified, "direction": "ASCENDING"},
                    {"propertyName": "hs_object_id", "direction": "ASCENDING"},
                ],
                "properties": properties,
                "limit": SEARCH_PAGE_SIZE,
                "after": "0",
            },
        )
        page = answer["results"]
        total = answer.get("total")
        if isinstance(total, int) and len(page) < min(total, SEARCH_PAGE_SIZE):
            raise SourceError(
                connection, f"{path}: {total} records are left, but the page holds {len(page)}"
            )
        if not page:
            return
        newest = max(_position(record, modified, path, connection) for record in page)
        if last is not None and newest <= last:
            raise SourceError(
                connection, f"{path}: a page repeats records already read; the pull would not end"
            )
        last = newest
        yield page
        if len(page) < SEARCH_PAGE_SIZE:
            return


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _position(record: dict[str, Any], modified: str, path: str, connection: str) -> tuple[int, int]:
    """Where a record stands in the sort order: (milliseconds, id)."""
    try:
        moment = datetime.fromisoformat(record["properties"][modified])
        return _milliseconds(moment), int(record["id"])
    except (KeyError, TypeError, ValueError):
        raise SourceError(
            connection, f"{path}: record {record.get('id')} has no usable {modified!r} or id"
        ) from None


def _milliseconds(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _cursor() -> JSONResponseCursorPaginator:
    return JSONResponseCursorPaginator(cursor_path="paging.next.after", cursor_param="after")
