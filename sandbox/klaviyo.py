"""The Klaviyo look-alike: profiles, metrics, campaigns with their messages, and events."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from sandbox.clock import klaviyo_time, parse_instant
from sandbox.crm import CAMPAIGNS, MESSAGES, METRICS, PROFILES
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
    routes = APIRouter()

    def base(request: Request) -> str:
        here = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        return f"{(base_url or here).rstrip('/')}/api"

    def collection(
        request: Request,
        page: Page,
        name: str,
        extra: Callable[[Record, dict[str, Any]], None] | None = None,
        **fixed: tuple[str, str],
    ) -> Response:
        asked = _Asked(request, page)
        now = store.now()
        where, order, values = asked.sql()
        for key, (condition, value) in fixed.items():
            where += f" and {condition}"
            values[key] = value
        found = store.records(
            f"archived_at is null and {where}", order, {**values, "collection": name, "now": now}
        )
        rows, links = asked.cut(found, base(request), lambda each: each.id)
        kind = name.split("/")[1]
        data = []
        for record in rows:
            shown = _resource(record, base(request), asked.fields(kind))
            if extra:
                extra(record, shown)
            data.append(shown)
        body: dict[str, Any] = {"data": data, "links": links}
        if asked.include:
            body["included"] = _included(rows, asked, now, base(request))
        return _answer(body)

    def _included(rows: list[Any], asked: _Asked, now: int, base: str) -> list[dict[str, Any]]:
        included = []
        for kind, relation in (("campaign-message", "campaign-messages"), ("campaign", "campaign")):
            if relation in asked.include:
                ids = {each for row in rows for each in _ids(row.related.get(relation))}
                included += [
                    _resource(record, base, asked.fields(kind))
                    for record in store.by_ids(f"klaviyo/{kind}", ids, now)
                ]
        return included

    @routes.get("/api/profiles")
    def profiles(request: Request) -> Response:
        additional = request.query_params.get("additional-fields[profile]", "").split(",")

        def consent(record: Record, shown: dict[str, Any]) -> None:
            if "subscriptions" in additional:
                shown["attributes"]["subscriptions"] = record.body["subscriptions"]

        return collection(request, PROFILE_PAGE, PROFILES, consent)

    @routes.get("/api/metrics")
    def metrics(request: Request) -> Response:
        return collection(request, METRIC_PAGE, METRICS)

    @routes.get("/api/campaigns")
    def campaigns(request: Request) -> Response:
        if "messages.channel" not in request.query_params.get("filter", ""):
            raise Refused("A filter on messages.channel is required.", "filter")
        return collection(request, CAMPAIGN_PAGE, CAMPAIGNS)

    @routes.get("/api/campaigns/{campaign_id}/campaign-messages")
    def messages(request: Request, campaign_id: str) -> Response:
        if not store.by_ids(CAMPAIGNS, [campaign_id], store.now()):
            raise Refused("A campaign with this id does not exist.", "", 404, "not_found")
        condition = "related ->> '$.campaign[1]' = :campaign"
        return collection(request, MESSAGE_PAGE, MESSAGES, campaign=(condition, campaign_id))

    @routes.get("/api/events")
    def events(request: Request) -> Response:
        asked = _Asked(request, EVENT_PAGE)
        now = store.now()
        where, order, values = asked.sql()
        found = store.rows(
            "select id, uuid, at, metric_id, profile_id, body from events "
            f"where visible_from < :now and at < :now and {where} {order}",
            {**values, "now": now},
        )
        rows, links = asked.cut(found, base(request), lambda each: each[0])
        shown = asked.fields("event")
        body: dict[str, Any] = {
            "data": [_event(row, base(request), shown) for row in rows],
            "links": links,
        }
        if asked.include:
            included = []
            for kind, collection_name, column in (("metric", METRICS, 3), ("profile", PROFILES, 4)):
                if kind in asked.include:
                    ids = {row[column] for row in rows}
                    included += [
                        _resource(record, base(request), asked.fields(kind))
                        for record in store.by_ids(collection_name, ids, now)
                    ]
            body["included"] = included
        return _answer(body)

    return routes


class _Asked:
    """One request for a page: its filters, order, cursor and fields, checked."""

    def __init__(self, request: Request, page: Page) -> None:
        self.page = page
        self.url = request.url
        query = request.query_params
        unknown = [name for name in query if name not in page.parameters]
        if unknown:
            raise Refused(f"'{unknown[0]}' is not a valid parameter of this endpoint.", unknown[0])
        self.include = [each for each in query.get("include", "").split(",") if each]
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

    def cut(
        self, found: list[Any], base: str, identity: Callable[[Any], str]
    ) -> tuple[list[Any], dict[str, str]]:
        """Return the rows of this page and its links."""
        backwards = bool(self.cursor and self.cursor[2])
        more = len(found) > self.size
        rows = found[: self.size]
        if backwards:
            rows.reverse()
        links = {"self": self._link(base, None)}
        if rows and (more or backwards):
            links["next"] = self._link(base, [self._key(rows[-1]), identity(rows[-1]), False])
        if rows and (more if backwards else self.cursor):
            links["prev"] = self._link(base, [self._key(rows[0]), identity(rows[0]), True])
        return rows, links

    def fields(self, kind: str) -> list[str] | None:
        """Return the sparse fieldset asked for, or None for everything."""
        return self._fields.get(kind)

    def _key(self, row: Any) -> Any:
        if not isinstance(row, Record):
            return row[2]  # an event's time
        columns = {"created_at": row.created_at, "modified_at": row.modified_at, "id": row.id}
        column = self.page.columns[self.sort]
        return columns[column] if column in columns else row.body.get(self.sort)

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

    def _condition(
        self, operator: str, name: str, given: list[str], values: dict[str, Any]
    ) -> str:
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
            raise Refused(f"Invalid filter near '{text[place:place + 40]}'.", "filter")
        items = ["".join(groups) for groups in ITEM.findall(match["value"])]
        found.append((match["operator"], match["field"], items))
        place = match.end()
    return found


def _resource(record: Record, base: str, shown: list[str] | None) -> dict[str, Any]:
    kind = record.collection.split("/")[1]
    attributes = {name: value for name, value in record.body.items() if name != "subscriptions"}
    own = f"{base}/{kind}s/{record.id}"
    relationships: dict[str, Any] = {}
    for relation, (related_kind, ids) in record.related.items():
        data: Any = [{"type": related_kind, "id": each} for each in _ids([related_kind, ids])]
        relationships[relation] = {
            "data": data if isinstance(ids, list) else data[0],
            "links": _relation_links(own, relation),
        }
    for relation in RELATIONS.get(kind, ()):
        relationships[relation] = {"links": _relation_links(own, relation)}
    return {
        "type": kind,
        "id": record.id,
        "attributes": _sparse(attributes, shown),
        "relationships": relationships,
        "links": {"self": own},
    }


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


def _ids(related: Any) -> list[str]:
    if not related:
        return []
    ids = related[1]
    return ids if isinstance(ids, list) else [ids]


def _sparse(attributes: dict[str, Any], shown: list[str] | None) -> dict[str, Any]:
    """Keep the fields asked for; ``location.city`` asks for the whole of ``location``."""
    if shown is None:
        return attributes
    names = {name.split(".")[0] for name in shown}
    return {name: value for name, value in attributes.items() if name in names}


def _answer(body: Any, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type=MEDIA_TYPE)
