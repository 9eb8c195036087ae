"""HubSpot's objects: by list, by id, in batches and by search; and its owners."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from sandbox.calls import current
from sandbox.clock import hubspot_time
from sandbox.hubspot.answers import (
    Refused,
    answer,
    batch_answer,
    csv,
    digits,
    in_thread,
    input_ids,
    integer,
    is_archived,
    singular,
)
from sandbox.hubspot.associations import ties
from sandbox.hubspot.shape import Shape
from sandbox.schema import CONTACTS, OWNERS
from sandbox.store import Record, Store

LIST_MAX = 100
WITH_HISTORY_MAX = 50  # of lists and batches alike
SEARCH_MAX = 200
OWNERS_MAX = 500
SEARCH_RESULTS_MAX = 10_000  # asking beyond is refused, as in HubSpot
SEARCH_MEMBERS = ("filterGroups", "sorts", "properties", "limit", "after")
TIES_SHOWN = 100  # of one object, in a list

Show = Callable[[list[Record], int], list[dict[str, Any]]]


class Objects:
    """The endpoints."""

    def __init__(self, store: Store, settings: dict[str, Any]) -> None:
        self.store = store
        self.settings = settings

    def owners(self, request: Request) -> Response:
        """List the owners."""
        return self._page(
            request, OWNERS, "100", OWNERS_MAX, lambda found, _: [_owner(each) for each in found]
        )

    def page(self, request: Request, object_type: str) -> Response:
        """List the live or the archived objects of a type, by id."""
        shape = Shape(self.store, object_type)
        view = self._view(request, shape)
        most = WITH_HISTORY_MAX if view.history else LIST_MAX
        return self._page(request, shape.collection, "10", most, view.show)

    def by_id(self, request: Request, object_type: str, object_id: str) -> Response:
        """Answer for one object; a merged-away id is answered by the one it became."""
        shape, now = Shape(self.store, object_type), self.store.now()
        found = self._live_or_merged(shape, [object_id], is_archived(request), now)
        if not found:
            raise Refused("resource not found", 404, "OBJECT_NOT_FOUND")
        return answer(self._view(request, shape).show(found, now)[0])

    async def batch_read(self, request: Request, object_type: str) -> Response:
        """Answer for up to 100 ids, or 50 with history; what is not there becomes an error."""
        archived = is_archived(request)

        def handle(asked: dict[str, Any]) -> Response:
            return self._batch(object_type, asked, archived)

        return await in_thread(request, handle, LIST_MAX)

    async def search(self, request: Request, object_type: str) -> Response:
        """Answer a search."""
        return await in_thread(request, lambda asked: self._search(object_type, asked))

    def _view(self, request: Request, shape: Shape) -> "_View":
        to_types = csv(request, "associations")
        for to_type in to_types:
            Shape(self.store, to_type)  # refuses a type that is none
        return _View(
            self.store,
            shape,
            shape.wanted(csv(request, "properties")),
            shape.known(csv(request, "propertiesWithHistory")),
            to_types,
        )

    def _page(
        self, request: Request, collection: str, default: str, most: int, show: Show
    ) -> Response:
        """Return a page of a collection, live or archived, by id."""
        query, now = request.query_params, self.store.now()
        limit = integer(query.get("limit", default), "limit", 1, most)
        found = self.store.records(
            "(archived_at is null) = :live and id > :after",
            "order by id limit :limit",
            {
                "collection": collection,
                "now": now,
                "live": not is_archived(request),
                "after": digits(query.get("after", "0"), "after"),
                "limit": limit + 1,
            },
        )
        body: dict[str, Any] = {"results": show(found[:limit], now)}
        if len(found) > limit:
            after = found[limit - 1].id
            link = str(request.url.include_query_params(after=after))
            body["paging"] = {"next": {"after": after, "link": link}}
        return answer(body)

    def _live_or_merged(
        self, shape: Shape, ids: Iterable[str], archived: bool, now: int
    ) -> list[Record]:
        """Return the records of some ids, each once."""
        standing = self.store.successors(shape.collection, ids, now)
        found = self.store.by_ids(shape.collection, set(standing.values()), now)
        return [each for each in found if (each.archived_at is not None) == archived]

    def _batch(self, object_type: str, asked: dict[str, Any], archived: bool) -> Response:
        shape, now = Shape(self.store, object_type), self.store.now()
        if asked.get("idProperty") not in (None, "hs_object_id"):
            raise Refused(f"idProperty {asked['idProperty']!r} is not unique for {object_type}")
        view = _View(
            self.store,
            shape,
            shape.wanted(asked.get("properties", [])),
            shape.known(asked.get("propertiesWithHistory", [])),
        )
        if view.history and len(asked["inputs"]) > WITH_HISTORY_MAX:
            raise Refused(f"inputs must be at most {WITH_HISTORY_MAX} with propertiesWithHistory")
        ids = input_ids(asked)
        found = self._live_or_merged(shape, ids, archived, now)
        there = {each.id for each in found}
        standing = self.store.successors(shape.collection, ids, now)
        missing = [each for each in ids if standing[each] not in there]
        errors = [_missing(object_type, missing)] if missing else []
        return batch_answer(view.show(found, now), errors, now)

    def _search(self, object_type: str, asked: dict[str, Any]) -> Response:
        shape = Shape(self.store, object_type)
        missing = [member for member in SEARCH_MEMBERS if member not in asked]
        if missing:
            raise Refused(f"Invalid input JSON: required fields missing: {missing}")
        limit = integer(asked["limit"], "limit", 1, SEARCH_MAX)
        after = int(digits(asked["after"] or "0", "after"))
        if after + limit > SEARCH_RESULTS_MAX:
            raise Refused(f"Search pages end at {SEARCH_RESULTS_MAX} results; narrow the filters")
        lag = round(float(self.settings["hubspot_search_lag_seconds"]) * 1_000)
        now = self.store.now() - lag
        values: dict[str, Any] = {
            "collection": shape.collection,
            "now": now,
            "limit": limit,
            "after": after,
        }
        where = "archived_at is null and " + shape.where(asked["filterGroups"], values)
        # HubSpot's search cursor is a position, so that a record which moves between two pages
        # shifts the rest: the look-alike keeps that. 10,000 bound the cost.
        order = f"order by {shape.order(asked['sorts'])} limit :limit offset :after"
        found = self.store.records(where, order, values)
        total = self.store.count(where, values)
        view = _View(self.store, shape, shape.wanted(asked["properties"]))
        body: dict[str, Any] = {"total": total, "results": view.show(found, now)}
        if after + len(found) < total:
            body["paging"] = {"next": {"after": str(after + limit)}}
        return answer(body)


@dataclass(frozen=True)
class _View:
    """What of an object is shown.

    Attributes:
        store: where the history and the ties are.
        shape: the object type.
        wanted: properties to show.
        history: properties whose earlier values are shown too.
        to_types: object types to show the ties to.
    """

    store: Store
    shape: Shape
    wanted: list[str]
    history: Iterable[str] = ()
    to_types: Iterable[str] = ()

    def show(self, records: list[Record], now: int) -> list[dict[str, Any]]:
        """Return records in HubSpot's envelope."""
        shown = [self._envelope(record) for record in records]
        ids = [record.id for record in records]
        if self.history:
            known = self.store.histories(self.shape.collection, ids, list(self.history), now)
            for each in shown:
                each["propertiesWithHistory"] = {
                    name: [
                        {"value": value, "timestamp": hubspot_time(at), "sourceType": "CRM_UI"}
                        for at, value in reversed(values)
                    ]
                    for name, values in known[each["id"]].items()
                }
        for to_type in self.to_types:
            found = ties(self.store, self.shape.object_type, to_type, ids, now)
            kind = f"{singular(self.shape.object_type)}_to_{singular(to_type)}"
            for each in shown:
                if others := list(found.get(each["id"], ())):
                    page: dict[str, Any] = {
                        "results": [{"id": other, "type": kind} for other in others[:TIES_SHOWN]]
                    }
                    if len(others) > TIES_SHOWN:
                        after = others[TIES_SHOWN - 1]
                        page["paging"] = {"next": {"after": after, "link": f"?after={after}"}}
                    each.setdefault("associations", {})[to_type] = page
        return shown

    def _envelope(self, record: Record) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "id": record.id,
            "properties": {name: record.body.get(name) for name in self.wanted},
            "createdAt": hubspot_time(record.created_at),
            "updatedAt": hubspot_time(record.modified_at),
            "archived": record.archived_at is not None,
        }
        if record.archived_at is not None:
            shown["archivedAt"] = hubspot_time(record.archived_at)
        if self.shape.collection == CONTACTS:
            current().show(f"id:{record.id}", "archived", record.archived_at is not None)
            if "hs_email_optout" in self.wanted:
                is_out = record.body.get("hs_email_optout") == "true"
                current().show(f"id:{record.id}", "everything", is_out)
        return shown


def _missing(object_type: str, ids: list[str]) -> dict[str, Any]:
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "message": f"Could not get some {singular(object_type).upper()} objects, they may be "
        "deleted or not exist. Check that ids are valid.",
        "context": {"ids": ids},
    }


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
