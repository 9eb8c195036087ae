"""Klaviyo's API as far as it is used.

JSON:API over HTTPS, one dated revision. Lists are sorted by the time they are filtered on,
and the API names the next page itself (``links.next``).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from dlt.sources.helpers.rest_client.client import PageData
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

from rapport.sources.connection import Connection
from rapport.sources.http import Api
from rapport.sources.records import Row, to_row
from rapport.sources.streams import Stream

REVISION = "2026-07-15"
PROFILES_PAGE_SIZE = 100  # the API's most
EVENTS_PAGE_SIZE = 1000  # the API's most
FLOWS_PAGE_SIZE = 50  # the API's most
REMEDY = (
    "Put a private API key with the scopes profiles:read, lists:read, events:read, metrics:read, "
    "campaigns:read, flows:read and tags:read into the connection's password"
)
NOISE = {"type", "links"}  # of every resource, and of no use

Record = dict[str, Any]


class Klaviyo:
    """Klaviyo, reached through one connection.

    Args:
        connection: ``url`` as far as the prefix (``https://a.klaviyo.com/api``), ``secret`` the
            private key; ``options`` may set ``revision``.
    """

    def __init__(self, connection: Connection) -> None:
        self.id = connection.id
        self.api = Api(
            connection,
            scheme="Klaviyo-API-Key",
            records="data",
            headers={
                "revision": connection.options.get("revision", REVISION),
                "Accept": "application/vnd.api+json",
            },
            remedy=REMEDY,
        )

    def pages(self, path: str, params: dict[str, Any]) -> Iterator[PageData[Any]]:
        """Yield the pages of a listing."""
        yield from self.api.pages(path, params=params, paginator=JSONLinkPaginator("links.next"))

    def profiles(self, **params: str) -> Iterator[list[Record]]:
        """Yield pages of profiles with what they subscribed to."""
        fixed = {"additional-fields[profile]": "subscriptions", "page[size]": PROFILES_PAGE_SIZE}
        yield from self.pages("profiles", fixed | params)

    def events(self, *conditions: str) -> Iterator[list[Record]]:
        """Yield pages of events, the oldest first, each with what Klaviyo puts it down to."""
        for page in self.pages(
            "events",
            {
                "filter": ",".join(conditions),
                "sort": "datetime",
                "page[size]": EVENTS_PAGE_SIZE,
                "include": "attributions",
            },
        ):
            yield attributed(page, page.response.json().get("included") or [])

    def profile_of_event(self, event: str) -> str | None:
        """Return whose an event is now, or None if it is gone or nobody's."""
        answer = self.api.get(f"events/{event}")
        return related(answer["data"].get("relationships") or {}, "profile") if answer else None

    def events_per_day(self, metric: str, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many events of a metric there were on each day (``YYYY-MM-DD``, UTC)."""
        attributes = {
            "metric_id": metric,
            "measurements": ["count"],
            "interval": "day",
            "timezone": "UTC",
            "filter": [
                f"greater-or-equal(datetime,{_local(since)})",
                f"less-than(datetime,{_local(until)})",
            ],
        }
        answer = self.api.post(
            "metric-aggregates",
            {"data": {"type": "metric-aggregate", "attributes": attributes}},
            holds=dict,
        )
        found = answer["data"]["attributes"]
        days = [str(moment)[:10] for moment in found["dates"]]
        counts = found["data"][0]["measurements"]["count"] if found["data"] else [0] * len(days)
        return {day: int(count) for day, count in zip(days, counts, strict=True)}

    def row(self, stream: Stream, record: Record, **known: Any) -> Row:
        """Return a resource as a row of its stream, its times and relations beside it."""
        attributes = record.get("attributes") or {}
        relationships = record.get("relationships") or {}
        derived = {
            **{
                name: attributes.get(name)
                for name in ("created", "updated", "created_at", "updated_at", "datetime")
            },
            "metric_id": related(relationships, "metric"),
            "profile_id": related(relationships, "profile"),
        }
        kept = {member: value for member, value in record.items() if member not in NOISE}
        return to_row(stream, kept, connection=self.id, **(derived | known))


def related(relationships: dict[str, Any], name: str) -> str | None:
    """Return the id of the one resource that a relationship leads to."""
    data = (relationships.get(name) or {}).get("data") or {}
    found: str | None = data.get("id")
    return found


def attributed(events: Iterable[Record], included: Iterable[Record]) -> list[Record]:
    """Return events whose attributions tell what they lead to, and not only their own ids.

    An attribution becomes ``{"id": ..., "campaign": id, "campaign-message": id, "flow": id, ...}``,
    with what it has of these.
    """
    known = {
        each["id"]: {
            name: related(each["relationships"], name) for name in each.get("relationships") or {}
        }
        for each in included
        if each["type"] == "attribution"
    }
    found = []
    for event in events:
        relationships = event.get("relationships") or {}
        credits = (relationships.get("attributions") or {}).get("data") or []
        if credits:
            told = [{"id": each["id"], **known.get(each["id"], {})} for each in credits]
            relationships = relationships | {"attributions": {"data": told}}
        found.append(event | {"relationships": relationships})
    return found


def tag_names(included: Iterable[Record]) -> dict[str, str]:
    """Return the names of the tags among the resources that an answer includes, by id."""
    return {each["id"]: each["attributes"]["name"] for each in included if each["type"] == "tag"}


def tags_of(record: Record, names: Mapping[str, str]) -> list[str]:
    """Return the names of a resource's tags, in alphabetical order."""
    return sorted(names[id_] for id_ in _related_ids(record, "tags"))


def owners_of(records: Iterable[Record], relation: str) -> dict[str, str]:
    """Return id of a related resource -> id of the one that it belongs to."""
    return {id_: record["id"] for record in records for id_ in _related_ids(record, relation)}


def _related_ids(record: Record, relation: str) -> list[str]:
    found = ((record.get("relationships") or {}).get(relation) or {}).get("data") or []
    return [each["id"] for each in found]


def instant(moment: datetime) -> str:
    """Return a moment as filters spell it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(moment: datetime) -> str:
    """Return a moment as aggregates spell it: without an offset, in the zone they are told."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
