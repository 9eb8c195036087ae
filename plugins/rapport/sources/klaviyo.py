"""Klaviyo: profiles, metrics, campaigns and the stream of events.

JSON:API over HTTPS, one dated revision. Lists are sorted by the time they are
filtered on, and the API names the next page itself (``links.next``).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dlt
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.hubspot import Row, text_columns
from rapport.sources.records import to_row
from rapport.sources.streams import CAMPAIGNS, EVENTS, METRICS, PROFILES, Stream

REVISION = "2026-07-15"
PROFILES_PAGE_SIZE = 100  # the API's most
EVENTS_PAGE_SIZE = 1000  # the API's most
CHANNELS = ("email", "sms", "mobile_push")  # a campaign list must name one
REMEDY = (
    "Put a private API key with the scopes profiles:read, events:read, metrics:read and "
    "campaigns:read into the connection's password"
)


def klaviyo(
    connection: Connection, starts: dict[str, datetime | None], until: datetime
) -> list[Any]:
    """Return the resources ``profiles``, ``metrics``, ``campaigns`` and ``events``.

    Args:
        connection: ``url`` as far as the prefix (``https://a.klaviyo.com/api``), ``secret`` the
            private key; ``options`` may set ``revision`` and ``channels``.
        starts: per stream, the moment from which records are pulled, or None for all.
        until: events at or after this moment belong to a later night.
    """
    options = connection.options
    api = Api(
        connection,
        scheme="Klaviyo-API-Key",
        records="data",
        headers={
            "revision": options.get("revision", REVISION),
            "Accept": "application/vnd.api+json",
        },
        remedy=REMEDY,
    )

    def listed(
        stream: Stream, path: str, params: dict[str, Any], **more: Any
    ) -> Iterator[list[Row]]:
        for page in api.pages(path, params=params, paginator=JSONLinkPaginator("links.next")):
            yield [_row(stream, record, connection.id, **more) for record in page]

    @dlt.resource(name=PROFILES.name, columns=text_columns(PROFILES))
    def profiles() -> Iterator[list[Row]]:
        params: dict[str, Any] = {
            "additional-fields[profile]": "subscriptions",
            "sort": "updated",
            "page[size]": PROFILES_PAGE_SIZE,
        }
        since = starts.get(PROFILES.name)
        if since:
            params["filter"] = f"greater-than(updated,{_moment(since)})"
        yield from listed(PROFILES, "profiles", params)

    @dlt.resource(name=METRICS.name, columns=text_columns(METRICS))
    def metrics() -> Iterator[list[Row]]:
        yield from listed(METRICS, "metrics", {})

    @dlt.resource(name=CAMPAIGNS.name, columns=text_columns(CAMPAIGNS))
    def campaigns() -> Iterator[list[Row]]:
        for channel in options.get("channels", CHANNELS):
            params = {"filter": f"equals(messages.channel,'{channel}')"}
            yield from listed(CAMPAIGNS, "campaigns", params, channel=channel)

    @dlt.resource(name=EVENTS.name, columns=text_columns(EVENTS))
    def events() -> Iterator[list[Row]]:
        bounds = [f"less-than(datetime,{_moment(until)})"]
        since = starts.get(EVENTS.name)
        if since:
            bounds.insert(0, f"greater-or-equal(datetime,{_moment(since)})")
        params = {
            "filter": ",".join(bounds),
            "sort": "datetime",
            "page[size]": EVENTS_PAGE_SIZE,
        }
        yield from listed(EVENTS, "events", params)

    return [profiles, metrics, campaigns, events]


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _row(
    stream: Stream, record: dict[str, Any], connection: str, channel: str | None = None
) -> Row:
    attributes = record.get("attributes") or {}
    relationships = record.get("relationships") or {}
    times = {
        name: attributes.get(name)
        for name in ("created", "updated", "created_at", "updated_at", "datetime")
    }
    return to_row(
        stream,
        {member: value for member, value in record.items() if member not in ("type", "links")},
        connection=connection,
        **times,
        channel=channel,
        metric_id=_related(relationships, "metric"),
        profile_id=_related(relationships, "profile"),
    )


def _related(relationships: dict[str, Any], name: str) -> str | None:
    data = (relationships.get(name) or {}).get("data") or {}
    related: str | None = data.get("id")
    return related
