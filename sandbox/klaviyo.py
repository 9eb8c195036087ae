"""The Klaviyo look-alike: profiles, metrics, campaigns with their messages, and events."""

import base64
import binascii
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sandbox.clock import klaviyo_time, parse_instant
from sandbox.schema import CAMPAIGNS, MESSAGES, METRICS, PROFILES
from sandbox.store import Record, Store, field

MEDIA_TYPE = "application/vnd.api+json"
RANGE = {
    "greater-or-equal": ">=",
    "greater-than": ">",
    "less-or-equal": "<=",
    "less-than": "<",
}
FILTER = re.compile(
    r"""\s*(?P<operator>[a-z-]+)\(\s*(?P<field>[\w.$]+)\s*,\s*
    (?P<value>\[[^\]]*\]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^,()'"\[\]]+)\s*\)\s*(?:,|\Z)""",
    re.VERBOSE,
)
ITEM = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,\[\]\s]+)""")


class Refused(Exception):
    """A request that Klaviyo would refuse."""

    def __init__(
        self, detail: str, parameter: str = "", status: int = 400, code: str = "invalid"
    ) -> None:
        super().__init__(detail)
        self.parameter = parameter
        self.status = status
        self.code = code


def error(status: int, code: str, title: str, detail: str, **source: str) -> Response:
    """Return an error in JSON:API's envelope."""
    item = {
        "id": blake2b(detail.encode(), digest_size=16).hexdigest(),
        "code": code,
        "title": title,
        "detail": detail,
        "source": source or {"pointer": "/data/"},
    }
    return _answer({"errors": [item]}, status)


@dataclass(frozen=True)
class Page:
    """What an endpoint allows, and where its rows are.

    Attributes:
        parameters: query parameters it knows.
        filters: field -> operators.
        columns: field -> SQL, for filters and sorts.
        instants: the fields that hold an instant, spelt as a date.
        sorts: fields to sort by; the first is the default.
        size: default and greatest page size; None when the size cannot be asked for.
    """

    parameters: tuple[str, ...]
    filters: Mapping[str, tuple[str, ...]]
    columns: Mapping[str, str]
    instants: tuple[str, ...]
    sorts: tuple[str, ...]
    size: tuple[int, int] | None


_BETWEEN = tuple(RANGE)
_PAGING = ("filter", "sort", "page[size]", "page[cursor]", "include")
PROFILE_PAGE = Page(
    parameters=(*_PAGING, "additional-fields[profile]", "fields[profile]"),
    filters={
        "id": ("equals", "any"),
        "email": ("equals", "any"),
        "phone_number": ("equals", "any"),
        "external_id": ("equals", "any"),
        "created": ("greater-than", "less-than"),
        "updated": ("greater-than", "less-than"),
    },
    columns={
        "id": "id",
        "email": field("email"),
        "phone_number": field("phone_number"),
        "external_id": field("external_id"),
        "created": "created_at",
        "updated": "modified_at",
    },
    instants=("created", "updated"),
    sorts=("created", "updated", "email", "id"),
    size=(20, 100),
)
METRIC_PAGE = Page(
    parameters=("filter", "page[cursor]", "include", "fields[metric]"),
    filters={"integration.name": ("equals",), "integration.category": ("equals",)},
    columns={
        "id": "id",
        "integration.name": "body ->> '$.integration.name'",
        "integration.category": "body ->> '$.integration.category'",
    },
    instants=(),
    sorts=("id",),
    size=None,
)
CAMPAIGN_PAGE = Page(
    parameters=(*_PAGING, "fields[campaign]", "fields[campaign-message]"),
    filters={
        "id": ("any",),
        "messages.channel": ("equals",),
        "name": ("contains",),
        "status": ("any", "equals"),
        "archived": ("equals",),
        "created_at": _BETWEEN,
        "scheduled_at": _BETWEEN,
        "updated_at": _BETWEEN,
    },
    columns={
        "id": "id",
        "messages.channel": "'email'",  # every campaign of the company is one
        "name": field("name"),
        "status": field("status"),
        "archived": "iif(archived_at is null, 'false', 'true')",
        "created_at": "created_at",
        "scheduled_at": field("scheduled_at"),
        "updated_at": "modified_at",
    },
    instants=("created_at", "scheduled_at", "updated_at"),
    sorts=("created_at", "id", "name", "updated_at"),  # scheduled_at may be null
    size=(100, 100),
)
MESSAGE_PAGE = Page(
    parameters=("include", "fields[campaign-message]", "fields[campaign]", "page[cursor]"),
    filters={},
    columns={"id": "id"},
    instants=(),
    sorts=("id",),
    size=None,
)
EVENT_PAGE = Page(
    parameters=(*_PAGING, "fields[event]", "fields[metric]", "fields[profile]"),
    filters={
        "metric_id": ("equals",),
        "profile_id": ("equals",),
        "datetime": _BETWEEN,
        "timestamp": _BETWEEN,
    },
    columns={
        "id": "id",
        "metric_id": "metric_id",
        "profile_id": "profile_id",
        "datetime": "at",
        "timestamp": "at",
    },
    instants=("datetime",),
    sorts=("datetime", "timestamp"),
    size=(200, 1000),
)


def router(store: Store, base_url: str | None = None) -> APIRouter:
    """Return the routes over a store.

    Args:
        store: where the records and events are.
        base_url: what absolute links start with; None takes it from each request.
    """
    api = _Api(store, base_url)
    routes = APIRouter(prefix="/api")
    routes.add_api_route("/profiles", api.profiles, methods=["GET"])
    routes.add_api_route("/metrics", api.metrics, methods=["GET"])
    routes.add_api_route("/campaigns", api.campaigns, methods=["GET"])
    messages = "/campaigns/{campaign_id}/campaign-messages"
    routes.add_api_route(messages, api.messages, methods=["GET"])
    routes.add_api_route("/events", api.events, methods=["GET"])
    return routes


class _Api:
    """The endpoints."""

    def __init__(self, store: Store, base_url: str | None) -> None:
        self.store = store
        self.base_url = base_url

    def profiles(self, request: Request) -> Response:
        additional = request.query_params.get("additional-fields[profile]", "").split(",")
        hidden = () if "subscriptions" in additional else ("subscriptions",)
        return self._collection(request, PROFILE_PAGE, PROFILES, hidden=hidden)

    def metrics(self, request: Request) -> Response:
        return self._collection(request, METRIC_PAGE, METRICS)

    def campaigns(self, request: Request) -> Response:
        if "messages.channel" not in request.query_params.get("filter", ""):
            raise Refused("A filter on messages.channel is required.", "filter")
        return self._collection(request, CAMPAIGN_PAGE, CAMPAIGNS)

    def messages(self, request: Request, campaign_id: str) -> Response:
        if not self.store.by_ids(CAMPAIGNS, [campaign_id], self.store.now()):
            raise Refused("A campaign with this id does not exist.", "", 404, "not_found")
        return self._collection(request, MESSAGE_PAGE, MESSAGES, of_campaign=campaign_id)

    def events(self, request: Request) -> Response:
        asked = _Asked(request, EVENT_PAGE)
        base, now = self._base(request), self.store.now()
        where, order, values = asked.sql()
        found = self.store.rows(
            "select id, uuid, at, metric_id, profile_id, body from events "
            f"where visible_from < :now and at < :now and {where} {order}",
            {**values, "now": now},
        )
        rows, links = asked.cut(found, base)
        shown = asked.fields("event")
        body: dict[str, Any] = {"data": [_event(row, base, shown) for row in rows], "links": links}
        related = {"metric": {row[3] for row in rows}, "profile": {row[4] for row in rows}}
        return self._with_included(body, related, asked, base, now)

    def _collection(
        self,
        request: Request,
        page: Page,
        collection: str,
        hidden: tuple[str, ...] = (),
        of_campaign: str | None = None,
    ) -> Response:
        asked = _Asked(request, page)
        base, now = self._base(request), self.store.now()
        where, order, values = asked.sql()
        if of_campaign:
            where += " and related ->> '$.campaign[1]' = :of_campaign"
        values |= {"collection": collection, "now": now, "of_campaign": of_campaign}
        found = self.store.records(f"archived_at is null and {where}", order, values)
        rows, links = asked.cut(found, base)
        shown = asked.fields(_kind(collection))
        body = {"data": [_resource(row, base, shown, hidden) for row in rows], "links": links}
        related: dict[str, set[str]] = defaultdict(set)
        for row in rows:
            for relation, (_, ids) in row.related.items():
                related[relation] |= {ids} if isinstance(ids, str) else set(ids)
        return self._with_included(body, related, asked, base, now)

    def _with_included(
        self,
        body: dict[str, Any],
        related: Mapping[str, set[str]],
        asked: "_Asked",
        base: str,
        now: int,
    ) -> Response:
        """Add what the request wants included, each resource once."""
        if asked.include:
            included = []
            for relation in sorted(asked.include & related.keys()):
                kind = relation.removesuffix("s")
                records = self.store.by_ids(f"klaviyo/{kind}", related[relation], now)
                shown = asked.fields(kind)
                included += [_resource(record, base, shown) for record in records]
            body["included"] = included
        return _answer(body)

    def _base(self, request: Request) -> str:
        here = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        return f"{(self.base_url or here).rstrip('/')}/api"


class _Asked:
    """One request for a page: its filters, order, cursor and fields, checked."""

    def __init__(self, request: Request, page: Page) -> None:
        self.page = page
        self.url = request.url
        query = request.query_params
        unknown = [name for name in query if name not in page.parameters]
        if unknown:
            raise Refused(f"'{unknown[0]}' is not a valid parameter of this endpoint.", unknown[0])
        self.include = set(query.get("include", "").split(",")) - {""}
        self._fields = {
            name[7:-1]: value.split(",") for name, value in query.items() if name[:7] == "fields["
        }
        sort = query.get("sort", page.sorts[0])
        self.down, self.sort = sort.startswith("-"), sort.removeprefix("-")
        if self.sort not in page.sorts:
            raise Refused(f"'{sort}' is not a valid sort of this endpoint.", "sort")
        self.size = self._size(query.get("page[size]"))
        self.cursor = self._cursor(query.get("page[cursor]"))
        self.filter = query.get("filter", "")

    def sql(self) -> tuple[str, str, dict[str, Any]]:
        """Return conditions, order and values; one row more than a page is asked for."""
        values: dict[str, Any] = {"limit": self.size + 1}
        conditions = [self._condition(*each, values) for each in parse_filter(self.filter)]
        column = self.page.columns[self.sort]
        backwards = bool(self.cursor and self.cursor[2])
        down = self.down != backwards
        if self.cursor:
            # A row value comparison, which SQLite answers from the index: no page costs more
            # than another. It wants a column without nulls.
            values["cursor_value"], values["cursor_id"] = self.cursor[:2]
            conditions.append(f"({column}, id) {'<' if down else '>'} (:cursor_value, :cursor_id)")
        way = " desc" if down else ""
        order = f"order by {column}{way}, id{way} limit :limit"
        return " and ".join(conditions) or "true", order, values

    def cut(self, found: list[Any], base: str) -> tuple[list[Any], dict[str, str]]:
        """Return the rows of this page and its links."""
        backwards = bool(self.cursor and self.cursor[2])
        more = len(found) > self.size
        rows = found[: self.size]
        if backwards:
            rows.reverse()
        links = {"self": self._link(base, None)}
        if rows and (more or backwards):
            links["next"] = self._link(base, [*self._key(rows[-1]), False])
        if rows and (more if backwards else self.cursor):
            links["prev"] = self._link(base, [*self._key(rows[0]), True])
        return rows, links

    def fields(self, kind: str) -> list[str] | None:
        """Return the sparse fieldset asked for, or None for everything."""
        return self._fields.get(kind)

    def _key(self, row: Any) -> tuple[Any, str]:
        """Return what a row is sorted by."""
        if not isinstance(row, Record):
            return row[2], row[0]  # an event's time and id
        column = self.page.columns[self.sort]
        return row._asdict().get(column, row.body.get(self.sort)), row.id

    def _link(self, base: str, cursor: list[Any] | None) -> str:
        path = self.url.path.split("/api", 1)[1]
        query = parse_qsl(self.url.query, keep_blank_values=True)
        if cursor is not None:
            text = base64.urlsafe_b64encode(json.dumps(cursor).encode()).decode()
            query = [pair for pair in query if pair[0] != "page[cursor]"]
            query.append(("page[cursor]", text))
        return f"{base}{path}" + (f"?{urlencode(query)}" if query else "")

    def _size(self, text: str | None) -> int:
        default, most = self.page.size or (200, 200)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= most):
            raise Refused(f"Page size must be a whole number from 1 to {most}.", "page[size]")
        return int(text)

    def _cursor(self, text: str | None) -> tuple[Any, str, bool] | None:
        if text is None:
            return None
        try:
            value, row_id, backwards = json.loads(base64.urlsafe_b64decode(text))
        except (ValueError, TypeError, binascii.Error):
            raise Refused("The cursor is not one of this endpoint.", "page[cursor]") from None
        return value, str(row_id), bool(backwards)

    def _condition(self, operator: str, name: str, given: list[str], values: dict[str, Any]) -> str:
        if operator not in self.page.filters.get(name, ()):
            raise Refused(f"'{operator}' on '{name}' is not a valid filter here.", "filter")
        column = self.page.columns[name]
        bound = []
        for value in given:
            key = f"filter_{len(values)}"
            values[key] = self._value(name, value)
            bound.append(f":{key}")
        if operator in ("equals", "any"):
            return f"{column} in ({', '.join(bound)})"
        if operator == "contains":
            return f"instr(lower({column}), lower({bound[0]})) > 0"
        return f"{column} {RANGE[operator]} {bound[0]}"

    def _value(self, name: str, text: str) -> Any:
        try:
            if name == "timestamp":
                return int(text) * 1_000
            if name == "scheduled_at":
                return klaviyo_time(parse_instant(text))
            return parse_instant(text) if name in self.page.instants else text
        except ValueError:
            raise Refused(f"'{text}' is not a valid value for '{name}'.", "filter") from None


def parse_filter(text: str) -> list[tuple[str, str, list[str]]]:
    """Split a filter into operator, field and values; a comma between filters means and.

    >>> parse_filter('greater-than(updated,2017-01-01T00:00:00Z),any(id,["a","b"])')
    [('greater-than', 'updated', ['2017-01-01T00:00:00Z']), ('any', 'id', ['a', 'b'])]

    Raises:
        Refused: it is no filter.
    """
    found = []
    place = 0
    while place < len(text):
        match = FILTER.match(text, place)
        if match is None:
            raise Refused(f"Invalid filter near '{text[place : place + 40]}'.", "filter")
        items = ["".join(groups) for groups in ITEM.findall(match["value"])]
        found.append((match["operator"], match["field"], items))
        place = match.end()
    return found


def _resource(
    record: Record,
    base: str,
    shown: list[str] | None,
    hidden: tuple[str, ...] = ("subscriptions",),
) -> dict[str, Any]:
    kind = _kind(record.collection)
    attributes = {name: value for name, value in record.body.items() if name not in hidden}
    own = f"{base}/{kind}s/{record.id}"
    relationships: dict[str, Any] = {}
    for relation, (related_kind, ids) in record.related.items():
        one = isinstance(ids, str)
        data = [{"type": related_kind, "id": each} for each in ([ids] if one else ids)]
        links = _relation_links(own, relation)
        relationships[relation] = {"data": data[0] if one else data, "links": links}
    for relation in RELATIONS.get(kind, ()):
        relationships[relation] = {"links": _relation_links(own, relation)}
    return {
        "type": kind,
        "id": record.id,
        "attributes": _sparse(attributes, shown),
        "relationships": relationships,
        "links": {"self": own},
    }


def _kind(collection: str) -> str:
    return collection.split("/")[1]


RELATIONS = {
    "profile": ("lists", "segments", "push-tokens"),
    "metric": ("flow-triggers",),
    "campaign": ("tags",),
}


def _event(row: Any, base: str, shown: list[str] | None) -> dict[str, Any]:
    event_id, uuid, at, metric_id, profile_id, body = row
    own = f"{base}/events/{event_id}"
    attributes = {
        "timestamp": at // 1_000,
        "event_properties": json.loads(body),
        "datetime": klaviyo_time(at),
        "uuid": uuid,
    }
    return {
        "type": "event",
        "id": event_id,
        "attributes": _sparse(attributes, shown),
        "relationships": {
            kind: {"data": {"type": kind, "id": each}, "links": _relation_links(own, kind)}
            for kind, each in (("profile", profile_id), ("metric", metric_id))
        },
        "links": {"self": own},
    }


def _relation_links(own: str, relation: str) -> dict[str, str]:
    return {"self": f"{own}/relationships/{relation}", "related": f"{own}/{relation}"}


def _sparse(attributes: dict[str, Any], shown: list[str] | None) -> dict[str, Any]:
    """Keep the fields asked for; ``location.city`` asks for the whole of ``location``."""
    if shown is None:
        return attributes
    names = {name.split(".")[0] for name in shown}
    return {name: value for name, value in attributes.items() if name in names}


def _answer(body: Any, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type=MEDIA_TYPE)
