"""Klaviyo's API as far as it is used.

JSON:API over HTTPS, one dated revision. Lists are sorted by the time they are filtered on,
and the API names the next page itself (``links.next``).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from dlt.sources.helpers.rest_client.client import PageData
from dlt.sources.helpers.rest_client.paginators import JSONLinkPaginator

from rapport.errors import SourceError, SourceRefused
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.http import Api, path_of
from rapport.sources.records import Page, Row, refusal, to_row
from rapport.sources.resuming import resumed
from rapport.sources.splitting import Splitter
from rapport.sources.streams import KLAVIYO, PROFILES, REFUSALS, Stream

PROFILES_PAGE_SIZE = 100  # the API's most
EVENTS_PAGE_SIZE = 1000  # the API's most
FLOWS_PAGE_SIZE = 50  # the API's most
REMEDY = (
    "Put a private API key with the scopes profiles:read, lists:read, events:read, metrics:read, "
    "campaigns:read, flows:read and tags:read into the connection's password"
)
NOISE = {"type", "links"}  # of every resource, and of no use
TIMES = ("created", "updated", "created_at", "updated_at", "datetime")

Record = dict[str, Any]


class Klaviyo:
    """Klaviyo, reached through one connection.

    Args:
        connection: ``url`` as far as the prefix (``https://a.klaviyo.com/api``), ``secret`` the
            private key; ``options`` may set ``revision``.
        remedy: what to check when the key is refused.
    """

    def __init__(self, connection: Connection, remedy: str = REMEDY) -> None:
        self.id = connection.id
        self._splitter = Splitter()
        self._refused: list[tuple[Stream, str | None, str | None, str]] = []
        self.api = Api(
            connection,
            scheme="Klaviyo-API-Key",
            records="data",
            headers={
                "revision": versions.chosen(KLAVIYO, connection.options),
                "Accept": "application/vnd.api+json",
                "Content-Type": "application/vnd.api+json",
                **versions.KLAVIYO_HEADERS,
            },
            remedy=remedy,
        )

    def pages(self, path: str, params: dict[str, Any]) -> Iterator[PageData[Any]]:
        """Yield the pages of a listing."""
        yield from self.api.pages(
            path, params=params, paginator=JSONLinkPaginator(path_of("links.next"))
        )

    def profiles(self, **params: str) -> Iterator[list[Record]]:
        """Yield pages of profiles with what they subscribed to."""
        fixed = {"additional-fields[profile]": "subscriptions", "page[size]": PROFILES_PAGE_SIZE}
        yield from self.pages(versions.PROFILES.path(), fixed | params)

    def changed_profiles(
        self, field: str, operator: str, since: datetime | None
    ) -> Iterator[list[Record]]:
        """Yield pages of profiles whose time in a field is later than a moment, by that time."""

        def listing(start: datetime | None) -> Iterator[list[Record]]:
            start = start or since
            condition = {"filter": f"{operator}({field},{instant(start)})"} if start else {}
            return self.profiles(sort=field, **condition)

        is_by_date = field == "updated"  # else the profile does not say where the listing was
        yield from resumed(
            listing, lambda page: _second_before(_times(page, field)) if is_by_date else None
        )

    def profiles_of(self, ids: list[str]) -> tuple[list[Record], set[str]]:
        """Return the profiles that are there, and the ids that Klaviyo does not take."""
        found: list[Record] = []
        refused: set[str] = set()

        def question(part: list[str]) -> list[Record]:
            quoted = ",".join(f'"{id_}"' for id_ in part)
            return [r for page in self.profiles(filter=f"any(id,[{quoted}])") for r in page]

        for part, answer in self._splitter.ask(ids, question):
            if isinstance(answer, SourceRefused):
                self.refuse(PROFILES, str(answer), id_=part[0])
                refused |= set(part)
            else:
                found += answer
        return found, refused

    def refuse(
        self, stream: Stream, reason: str, *, id_: str | None = None, part: str | None = None
    ) -> None:
        """Keep for `refusals` that something could not be read."""
        self._refused.append((stream, id_, part, reason))

    def refusals(self, noticed_on: date) -> Iterator[Page]:
        """Yield what was refused since this was last asked."""
        taken, self._refused = self._refused, []
        rows = [refusal(s, noticed_on, why, id_=id_, part=part) for s, id_, part, why in taken]
        if rows:
            yield REFUSALS[KLAVIYO], rows

    def events(self, *conditions: str, since: datetime | None = None) -> Iterator[list[Record]]:
        """Yield pages of events, the oldest first, each with what Klaviyo puts it down to.

        Args:
            conditions: of the filter.
            since: the first moment; None for all there is.
        """

        def listing(start: datetime | None) -> Iterator[list[Record]]:
            start = start or since
            bounds = [f"greater-or-equal(datetime,{instant(start)})"] if start else []
            for page in self.pages(
                versions.EVENTS.path(),
                {
                    "filter": ",".join([*bounds, *conditions]),
                    "sort": "datetime",
                    "page[size]": EVENTS_PAGE_SIZE,
                    "include": "attributions",
                },
            ):
                yield attributed(page, page.response.json().get("included") or [])

        yield from resumed(listing, lambda page: max(_times(page, "datetime"), default=None))

    def profile_of_event(self, event: str) -> str | None:
        """Return whose an event is now, or None if it is gone or nobody's."""
        answer = self.api.get(versions.EVENT.path(id=event))
        return related(answer["data"].get("relationships") or {}, "profile") if answer else None

    def events_per_day(self, metric: str, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many events of a metric there were on each day (``YYYY-MM-DD``, UTC).

        Args:
            metric: its id.
            since: the first moment.
            until: the end; a year later at most, as Klaviyo has it.

        Raises:
            SourceError: the answer does not count the days.
        """
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
        path = versions.METRIC_AGGREGATES.path()
        answer = self.api.post(
            path,
            {"data": {"type": "metric-aggregate", "attributes": attributes}},
            holds=dict,
        )
        try:
            found = answer["data"]["attributes"]
            days = [str(moment)[:10] for moment in found["dates"]]
            counts = found["data"][0]["measurements"]["count"] if found["data"] else [0] * len(days)
            return {day: int(count) for day, count in zip(days, counts, strict=True)}
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise SourceError(
                self.id, f"{path}: an answer without counts ({type(error).__name__})"
            ) from None

    def member_count(self, list_id: str) -> int | None:
        """Return how many members a list has, or None if Klaviyo does not say."""
        path = versions.LIST.path(id=list_id)
        answer = self.api.get(f"{path}?additional-fields[list]=profile_count")
        count = ((answer or {}).get("data") or {}).get("attributes", {}).get("profile_count")
        return count if isinstance(count, int) else None

    def row(self, stream: Stream, record: Record, **known: Any) -> Row:
        """Return a resource as a row of its stream, its times and relations beside it."""
        attributes = record.get("attributes") or {}
        relationships = record.get("relationships") or {}
        derived = {
            **{name: attributes.get(name) for name in TIMES if name in stream.columns},
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


def _times(records: Iterable[Record], name: str) -> list[datetime]:
    """Return the times of records in one attribute, without those that are none."""
    found = []
    for record in records:
        try:
            moment = datetime.fromisoformat((record.get("attributes") or {})[name])
        except (KeyError, TypeError, ValueError):
            continue
        found.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return found


def _second_before(times: list[datetime]) -> datetime | None:
    """Return from where "later than" brings the last of the times again."""
    return max(times) - timedelta(seconds=1) if times else None


def _local(moment: datetime) -> str:
    """Return a moment as aggregates spell it: without an offset, in the zone they are told."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
