"""The HubSpot look-alike: objects by list, by id and by search, and owners."""

import json
import re
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from sandbox.clock import hubspot_time, parse_instant
from sandbox.schema import OWNERS
from sandbox.store import Record, Store, field

LIST_MAX = 100
SEARCH_MAX = 200
OWNERS_MAX = 500
SEARCH_RESULTS_MAX = 10_000  # asking beyond is refused, as in HubSpot
SEARCH_MEMBERS = ("filterGroups", "sorts", "properties", "limit", "after")
GROUPS_MAX, FILTERS_MAX = 5, 6
DEFAULT_PROPERTIES: dict[str, tuple[str, ...]] = {
    "contacts": ("email", "firstname", "lastname"),
}
COMPARISONS = {"EQ": "=", "NEQ": "<>", "GT": ">", "GTE": ">=", "LT": "<", "LTE": "<="}
OBJECT_PATHS = ("/crm/v3/objects/{object_type}", "/crm/objects/2026-09/{object_type}")


class Refused(Exception):
    """A request that HubSpot would refuse."""

    def __init__(self, message: str, status: int = 400, category: str = "VALIDATION_ERROR") -> None:
        super().__init__(message)
        self.status = status
        self.category = category


def error(status: int, message: str, category: str, **more: Any) -> Response:
    """Return an error in HubSpot's envelope."""
    correlation = blake2b(message.encode(), digest_size=16).hexdigest()
    body = {
        "status": "error",
        "message": message,
        "correlationId": "-".join(re.findall(r".{8}|.{4}", correlation)[:5]),
        "category": category,
        **more,
    }
    return _answer(body, status)


def router(store: Store, settings: dict[str, Any]) -> APIRouter:
    """Return the routes over a store.

    Args:
        store: where the records are.
        settings: ``hubspot_search_lag_seconds`` delays what search sees, as the real index does.
    """
    api = _Api(store, settings)
    routes = APIRouter()
    routes.add_api_route("/crm/v3/owners", api.owners, methods=["GET"])
    for path in OBJECT_PATHS:
        routes.add_api_route(path, api.object_list, methods=["GET"])
        routes.add_api_route(path + "/search", api.object_search, methods=["POST"])
        routes.add_api_route(path + "/{object_id}", api.object_by_id, methods=["GET"])
    return routes


class _Api:
    """The endpoints."""

    def __init__(self, store: Store, settings: dict[str, Any]) -> None:
        self.store = store
        self.settings = settings

    def owners(self, request: Request) -> Response:
        return self._page(request, OWNERS, "100", OWNERS_MAX, _owner)

    def object_list(self, request: Request, object_type: str) -> Response:
        shape = _Shape(self.store, object_type)
        wanted = shape.wanted(_csv(request, "properties"))
        return self._page(
            request, shape.collection, "10", LIST_MAX, lambda record: shape.dump(record, wanted)
        )

    def _page(
        self,
        request: Request,
        collection: str,
        default: str,
        most: int,
        dump: Callable[[Record], dict[str, Any]],
    ) -> Response:
        """Return a page of a collection, live or archived, by id."""
        query = request.query_params
        limit = _integer(query.get("limit", default), "limit", 1, most)
        found = self.store.records(
            "(archived_at is null) = :live and id > :after",
            "order by id limit :limit",
            {
                "collection": collection,
                "now": self.store.now(),
                "live": not _archived(request),
                "after": _digits(query.get("after", "0"), "after"),
                "limit": limit + 1,
            },
        )
        body: dict[str, Any] = {"results": [dump(record) for record in found[:limit]]}
        if len(found) > limit:
            after = found[limit - 1].id
            link = str(request.url.include_query_params(after=after))
            body["paging"] = {"next": {"after": after, "link": link}}
        return _answer(body)

    def object_by_id(self, request: Request, object_type: str, object_id: str) -> Response:
        shape = _Shape(self.store, object_type)
        found = self.store.by_ids(shape.collection, [object_id], self.store.now())
        if not found or (found[0].archived_at is not None) != _archived(request):
            raise Refused("resource not found", 404, "OBJECT_NOT_FOUND")
        return _answer(shape.dump(found[0], shape.wanted(_csv(request, "properties"))))

    async def object_search(self, request: Request, object_type: str) -> Response:
        try:
            asked = json.loads(await request.body())
        except ValueError:
            asked = None
        if not isinstance(asked, dict):
            raise Refused("Invalid input JSON: an object is expected")
        return await run_in_threadpool(self._search, object_type, asked)

    def _search(self, object_type: str, asked: dict[str, Any]) -> Response:
        shape = _Shape(self.store, object_type)
        missing = [member for member in SEARCH_MEMBERS if member not in asked]
        if missing:
            raise Refused(f"Invalid input JSON: required fields missing: {missing}")
        limit = _integer(asked["limit"], "limit", 1, SEARCH_MAX)
        after = int(_digits(asked["after"] or "0", "after"))
        if after + limit > SEARCH_RESULTS_MAX:
            raise Refused(f"Search pages end at {SEARCH_RESULTS_MAX} results; narrow the filters")
        lag = round(float(self.settings["hubspot_search_lag_seconds"]) * 1_000)
        values: dict[str, Any] = {
            "collection": shape.collection,
            "now": self.store.now() - lag,
            "limit": limit,
            "after": after,
        }
        where = "archived_at is null and " + shape.where(asked["filterGroups"], values)
        # HubSpot's search cursor is a position, so that a record which moves between two pages
        # shifts the rest: the look-alike keeps that. 10,000 bound the cost.
        order = f"order by {shape.order(asked['sorts'])} limit :limit offset :after"
        found = self.store.records(where, order, values)
        total = self.store.count(where, values)
        wanted = shape.wanted(asked["properties"])
        body: dict[str, Any] = {
            "total": total,
            "results": [shape.dump(record, wanted) for record in found],
        }
        if after + len(found) < total:
            body["paging"] = {"next": {"after": str(after + limit)}}
        return _answer(body)


class _Shape:
    """How one object type is asked for and shown."""

    def __init__(self, store: Store, object_type: str) -> None:
        modified = store.modified_property(object_type)
        if modified is None:
            raise Refused(f"Unable to infer object type from: {object_type}")
        self.collection = f"hubspot/{object_type}"
        self.object_type = object_type
        self.modified = modified
        self.types = store.property_types(self.collection)

    def wanted(self, asked: Any) -> list[str]:
        """Return the properties to show: those asked for that exist, and those always shown."""
        if not isinstance(asked, list):
            raise Refused("properties must be a list")
        always = ["createdate", "hs_object_id", self.modified]
        names = asked or DEFAULT_PROPERTIES.get(self.object_type, ())
        return [name for name in dict.fromkeys([*names, *always]) if name in self.types]

    def dump(self, record: Record, wanted: list[str]) -> dict[str, Any]:
        """Return a record in HubSpot's envelope."""
        shown: dict[str, Any] = {
            "id": record.id,
            "properties": {name: record.body.get(name) for name in wanted},
            "createdAt": hubspot_time(record.created_at),
            "updatedAt": hubspot_time(record.modified_at),
            "archived": record.archived_at is not None,
        }
        if record.archived_at is not None:
            shown["archivedAt"] = hubspot_time(record.archived_at)
        return shown

    def where(self, groups: Any, values: dict[str, Any]) -> str:
        """Return the SQL of filter groups: or between groups, and inside each."""
        if not isinstance(groups, list) or len(groups) > GROUPS_MAX:
            raise Refused(f"filterGroups must be a list of at most {GROUPS_MAX}")
        alternatives = []
        for group in groups:
            filters = group.get("filters") if isinstance(group, dict) else None
            if not isinstance(filters, list) or not 1 <= len(filters) <= FILTERS_MAX:
                raise Refused(f"each filter group needs 1 to {FILTERS_MAX} filters")
            alternatives.append(" and ".join(self._condition(each, values) for each in filters))
        return "(" + " or ".join(f"({each})" for each in alternatives) + ")" if groups else "true"

    def order(self, sorts: Any) -> str:
        """Return the SQL of the sorts; ties, and no sorts at all, go by creation and id."""
        if not isinstance(sorts, list):
            raise Refused("sorts must be a list")
        terms = []
        for sort in sorts:
            if isinstance(sort, dict):
                name, down = sort.get("propertyName"), sort.get("direction") == "DESCENDING"
            else:
                name, down = str(sort).removeprefix("-"), str(sort).startswith("-")
            terms.append(self._column(name) + (" desc" if down else ""))
        return ", ".join([*(terms or ["created_at"]), "id"])

    def _column(self, name: Any) -> str:
        if name not in self.types:
            raise Refused(f"Property {name!r} does not exist")
        columns = {self.modified: "modified_at", "createdate": "created_at", "hs_object_id": "id"}
        if name in columns:
            return columns[name]
        if self.types[name] == "number":
            return f"cast({field(name)} as real)"
        return field(name)

    def _value(self, name: str, value: Any) -> Any:
        """Return a filter value in the form that the column has."""
        if self.types[name] == "datetime":
            try:
                instant = int(value) if str(value).isdigit() else parse_instant(str(value))
            except ValueError:
                raise Refused(f"{value!r} is no date for property {name!r}") from None
            known = name in (self.modified, "createdate")
            return instant if known else hubspot_time(instant)
        if self.types[name] == "number" and name != "hs_object_id":
            try:
                return float(value)
            except (TypeError, ValueError):
                raise Refused(f"{value!r} is no number for property {name!r}") from None
        if not isinstance(value, str):
            raise Refused(f"filter values are strings: {value!r}")
        return value

    def _condition(self, condition: Any, values: dict[str, Any]) -> str:
        if not isinstance(condition, dict):
            raise Refused("a filter is an object")
        name, operator = condition.get("propertyName"), condition.get("operator")
        column = self._column(name)

        def bind(value: Any) -> str:
            key = f"filter_{len(values)}"
            values[key] = self._value(str(name), value)
            return f":{key}"

        if operator in COMPARISONS:
            if condition.get("value") is None:
                raise Refused(f"operator {operator} needs a value")
            return f"{column} {COMPARISONS[operator]} {bind(condition['value'])}"
        if operator == "BETWEEN":
            low, high = condition.get("value"), condition.get("highValue")
            if low is None or high is None:
                raise Refused("operator BETWEEN needs value and highValue")
            return f"{column} between {bind(low)} and {bind(high)}"
        if operator in ("IN", "NOT_IN"):
            chosen = condition.get("values")
            if not isinstance(chosen, list) or not chosen:
                raise Refused(f"operator {operator} needs values")
            inside = ", ".join(bind(each) for each in chosen)
            return f"{column} {operator.replace('_', ' ').lower()} ({inside})"
        if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
            return f"{column} is {'not ' if operator == 'HAS_PROPERTY' else ''}null"
        raise Refused(f"operator {operator!r} is not valid")


def _owner(record: Record) -> dict[str, Any]:
    body = record.body
    archived = record.archived_at is not None
    return {
        "id": record.id,
        "email": body["email"],
        "type": "PERSON",
        "firstName": body["firstName"],
        "lastName": body["lastName"],
        "userId": None if archived else body["userId"],
        "userIdIncludingInactive": body["userId"],
        "createdAt": hubspot_time(record.created_at),
        "updatedAt": hubspot_time(record.modified_at),
        "archived": archived,
        "teams": [] if archived else body["teams"],
    }


def _answer(body: Any, status: int = 200) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json;charset=utf-8")


def _archived(request: Request) -> bool:
    return request.query_params.get("archived", "false") == "true"


def _csv(request: Request, name: str) -> list[str]:
    """Return a list parameter, whether comma-separated or repeated."""
    given = request.query_params.getlist(name)
    return [part for text in given for part in text.split(",") if part]


def _integer(value: Any, name: str, least: int, most: int) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
        raise Refused(f"{name} must be a whole number from {least} to {most}, not {value!r}")
    return int(text)


def _digits(value: Any, name: str) -> str:
    if not (isinstance(value, str) and value.isascii() and value.isdigit()):
        raise Refused(f"{name} is no cursor of this API: {value!r}")
    return value
