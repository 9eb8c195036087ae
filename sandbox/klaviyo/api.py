"""The endpoints of the Klaviyo look-alike."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from sandbox.clock import klaviyo_time
from sandbox.klaviyo import aggregates, resources
from sandbox.klaviyo.asked import MEDIA_TYPE, Asked, Page, Refused
from sandbox.klaviyo.pages import (
    CAMPAIGN_PAGE,
    EVENT_PAGE,
    FLOW_ACTION_PAGE,
    FLOW_MESSAGE_PAGE,
    FLOW_PAGE,
    LIST_PAGE,
    MEMBER_PAGE,
    MESSAGE_PAGE,
    METRIC_PAGE,
    ONE_EVENT,
    ONE_FLOW,
    ONE_LIST,
    PROFILE_PAGE,
    TAG_PAGE,
    TRIGGERED_FLOWS,
)
from sandbox.lists import SHOWN, Lists
from sandbox.schema import (
    CAMPAIGNS,
    FLOW_ACTIONS,
    FLOW_MESSAGES,
    FLOWS,
    LISTS,
    MESSAGES,
    METRICS,
    PROFILES,
    TAGS,
)
from sandbox.store import VISIBLE, VISIBLE_RECORD, Store

_DEFINITION = ("definition",)  # of a flow: shown only where it is asked for
Row = tuple[str, str, str, str]  # collection, id, attributes, relations
_LIVE = f"{VISIBLE_RECORD} and records.archived_at is null"
_MEMBERS = f"""
from list_members inner join records
on records.collection = '{PROFILES}' and records.id = list_members.profile_id
where list_id = :list_id and {SHOWN} and {_LIVE}
"""


class Api:
    """The endpoints."""

    def __init__(self, store: Store, lists: Lists, base_url: str | None) -> None:
        self.store = store
        self.on_lists = lists
        self.base_url = base_url

    def profiles(self, request: Request) -> Response:
        """List the profiles."""
        return self._collection(request, PROFILE_PAGE, PROFILES, hidden=_hidden(request))

    def metrics(self, request: Request) -> Response:
        """List the kinds of event."""
        return self._collection(request, METRIC_PAGE, METRICS)

    def tags(self, request: Request) -> Response:
        """List the tags."""
        return self._collection(request, TAG_PAGE, TAGS)

    def campaigns(self, request: Request) -> Response:
        """List the campaigns of one channel."""
        if "messages.channel" not in request.query_params.get("filter", ""):
            raise Refused("A filter on messages.channel is required.", "filter")
        return self._collection(request, CAMPAIGN_PAGE, CAMPAIGNS)

    def messages(self, request: Request, campaign_id: str) -> Response:
        """List the messages of a campaign."""
        self._must_exist(CAMPAIGNS, campaign_id)
        return self._collection(request, MESSAGE_PAGE, MESSAGES, of=("campaign", campaign_id))

    def flows(self, request: Request) -> Response:
        """List the flows."""
        return self._collection(request, FLOW_PAGE, FLOWS, hidden=_DEFINITION)

    def one_flow(self, request: Request, flow_id: str) -> Response:
        """Answer for one flow, with its definition when that is asked for."""
        asked, now = Asked(request, ONE_FLOW), self.store.now()
        base = self.base(request)
        (row,) = self._must_exist(FLOWS, flow_id)
        additional = request.query_params.get("additional-fields[flow]", "").split(",")
        hidden = () if "definition" in additional else _DEFINITION
        shown, include = asked.fields("flow"), asked.include
        found = resources.resource(row, base, shown, hidden=hidden, included=include)
        included = self._included(asked, _related([row]), base, now)
        return _one(found, {"self": f"{base}/flows/{flow_id}"}, included)

    def triggered_flows(self, request: Request, list_id: str) -> Response:
        """List the flows that joining a list starts, live or not."""
        self._must_exist(LISTS, list_id)
        triggered = "body ->> '$.definition.triggers[0].id' = :of"
        of = ("", list_id)
        return self._collection(
            request, TRIGGERED_FLOWS, FLOWS, hidden=_DEFINITION, of=of, which=triggered
        )

    def flow_actions(self, request: Request, flow_id: str) -> Response:
        """List the actions of a flow."""
        self._must_exist(FLOWS, flow_id)
        return self._collection(request, FLOW_ACTION_PAGE, FLOW_ACTIONS, of=("flow", flow_id))

    def flow_messages(self, request: Request, action_id: str) -> Response:
        """List the messages that an action sends."""
        self._must_exist(FLOW_ACTIONS, action_id)
        of = ("flow-action", action_id)
        return self._collection(request, FLOW_MESSAGE_PAGE, FLOW_MESSAGES, of=of)

    def events(self, request: Request) -> Response:
        """List events: those whose time and whose visibility lie before now."""
        asked = Asked(request, EVENT_PAGE)
        base, now = self.base(request), self.store.now()
        merged = self.store.merged(PROFILES, now)

        def eaten(profile_id: str) -> list[str]:
            own = [] if profile_id in merged else [profile_id]
            return own + [each for each, survivor in merged.items() if survivor == profile_id]

        where, order, values = asked.sql({"profile_id": eaten})
        found = self.store.rows(
            f"select id, {asked.key}, uuid, at, metric_id, profile_id, body from events "
            f"where visible_from < :now and at < :now and {where} {order}",
            {**values, "now": now},
        )
        cut, links = asked.cut(found, base)
        rows = [_of_survivor(row, merged) for row in cut]
        shown = asked.fields("event")
        related = {"metric": {row[4] for row in rows}, "profile": {row[5] for row in rows}}
        included = self._included(asked, related, base, now)
        attributed = "attributions" in asked.include
        if attributed and included is not None:
            included += self._attributions(rows, base, now)
        found_events = (resources.event(row, base, shown, attributed=attributed) for row in rows)
        return _page(found_events, links, included)

    def one_event(self, request: Request, event_id: str) -> Response:
        """Answer for one event."""
        asked, now = Asked(request, ONE_EVENT), self.store.now()
        base = self.base(request)
        found = self.store.rows(
            "select id, at, uuid, at, metric_id, profile_id, body from events "
            "where id = :id and visible_from < :now and at < :now",
            {"id": event_id, "now": now},
        )
        if not found:
            raise Refused("An event with this id does not exist.", "", 404, "not_found")
        row = _of_survivor(found[0], self.store.merged(PROFILES, now))
        related = {"metric": {row[4]}, "profile": {row[5]}}
        included = self._included(asked, related, base, now)
        links = {"self": f"{base}/events/{event_id}"}
        attributed = "attributions" in asked.include
        if attributed and included is not None:
            included += self._attributions([row], base, now)
        shown = asked.fields("event")
        return _one(resources.event(row, base, shown, attributed=attributed), links, included)

    def lists(self, request: Request) -> Response:
        """List the lists."""
        return self._collection(request, LIST_PAGE, LISTS)

    def one_list(self, request: Request, list_id: str) -> Response:
        """Answer for one list, with the number of its members when that is asked for."""
        asked, now = Asked(request, ONE_LIST), self.store.now()
        base = self.base(request)
        (row,) = self._must_exist(LISTS, list_id)
        more: dict[str, int] = {}
        if "profile_count" in request.query_params.get("additional-fields[list]", "").split(","):
            values = {**self.on_lists.shown(now), "list_id": list_id}
            ((more["profile_count"],),) = self.store.rows(f"select count(*) {_MEMBERS}", values)
        shown = asked.fields("list")
        found = resources.resource(row, base, shown, included=asked.include, more=more)
        included = self._included(asked, _related([row]), base, now)
        return _one(found, {"self": f"{base}/lists/{list_id}"}, included)

    def members(self, request: Request, list_id: str) -> Response:
        """List the profiles on a list, each with the instant it joined."""
        rows, links, asked = self._members(request, list_id)
        base, hidden, shown = self.base(request), _hidden(request), asked.fields("profile")
        data = (
            resources.resource(
                (PROFILES, profile_id, body, related),
                base,
                shown,
                hidden=hidden,
                more={"joined_group_at": klaviyo_time(joined_at)},
            )
            for profile_id, joined_at, body, related in rows
        )
        return _page(data, links, None)

    def member_ids(self, request: Request, list_id: str) -> Response:
        """List the ids of the profiles on a list."""
        rows, links, _ = self._members(request, list_id)
        data = (resources.text({"type": "profile", "id": row[0]}) for row in rows)
        return _page(data, links, None)

    async def metric_aggregates(self, request: Request) -> Response:
        """Answer how many events of a metric there were, by day or hour."""
        body = await request.body()

        def handle() -> Response:
            asked = aggregates.parse(body)
            self._must_exist(METRICS, asked.metric_id)
            found = aggregates.answer(self.store, asked, self.store.now())
            own = f"{self.base(request)}/metric-aggregates"
            links = {"self": f"{own}/{found['id']}"}
            return _sent(resources.text({"data": {**found, "links": links}, "links": links}))

        return await run_in_threadpool(handle)

    def _members(self, request: Request, list_id: str) -> tuple[list[Any], dict[str, str], Asked]:
        self._must_exist(LISTS, list_id)
        asked = Asked(request, MEMBER_PAGE)
        where, order, values = asked.sql()
        found = self.store.rows(
            f"select profile_id, {asked.key}, body, related {_MEMBERS} and {where} {order}",
            {**values, **self.on_lists.shown(self.store.now()), "list_id": list_id},
        )
        return *asked.cut(found, self.base(request)), asked

    def _must_exist(self, collection: str, record_id: str) -> list[Row]:
        found = self._rows(collection, [record_id], self.store.now())
        if not found:
            kind = resources.kind_of(collection)
            raise Refused(f"A {kind} with this id does not exist.", "", 404, "not_found")
        return found

    def _rows(self, collection: str, ids: Iterable[str], now: int) -> list[Row]:
        return self.store.rows(
            "select collection, id, body, related from records where collection = :collection "
            f"and id in (select value from json_each(:ids)) and {_LIVE} order by id",
            {"collection": collection, "now": now, "ids": json.dumps(list(ids))},
        )

    def _collection(
        self,
        request: Request,
        page: Page,
        collection: str,
        hidden: tuple[str, ...] = (),
        of: tuple[str, str] | None = None,
        which: str = "",
    ) -> Response:
        asked = Asked(request, page)
        base, now = self.base(request), self.store.now()
        where, order, values = asked.sql()
        if of:
            where += f" and {which or _tied_to(of[0])}"
        found = self.store.rows(
            f"select id, {asked.key}, collection, body, related from records "
            f"where collection = :collection and {VISIBLE} and archived_at is null "
            f"and {where} {order}",
            {**values, "collection": collection, "now": now, "of": of and of[1]},
        )
        cut, links = asked.cut(found, base)
        rows: list[Row] = [(row[2], row[0], row[3], row[4]) for row in cut]
        shown = asked.fields(resources.kind_of(collection))
        data = (
            resources.resource(row, base, shown, hidden=hidden, included=asked.include)
            for row in rows
        )
        related = _related(rows) if asked.include else {}
        return _page(data, links, self._included(asked, related, base, now))

    def _included(
        self, asked: Asked, related: Mapping[str, set[str]], base: str, now: int
    ) -> list[str] | None:
        """Return what the request wants included, each resource once; None if it wants nothing."""
        if not asked.include:
            return None
        included = []
        for relation in sorted(asked.include & related.keys()):
            kind = relation.removesuffix("s")
            shown = asked.fields(kind)
            hidden = {"profile": ("subscriptions",), "flow": _DEFINITION}.get(kind, ())
            included += [
                resources.resource(row, base, shown, hidden=hidden)
                for row in self._rows(f"klaviyo/{kind}", related[relation], now)
            ]
        return included

    def _attributions(self, rows: Iterable[tuple[Any, ...]], base: str, now: int) -> list[str]:
        """Return what message, and so what campaign, each event is put down to."""
        credited = {row[0]: resources.credited_message(row[6]) for row in rows}
        messages = {message for message in credited.values() if message}
        campaigns = {
            found[1]: resources.related(found[3])["campaign"][1]
            for found in self._rows(MESSAGES, messages, now)
        }
        return [
            resources.attribution(event, message, campaigns[message], base)
            for event, message in credited.items()
            if message in campaigns
        ]

    def base(self, request: Request) -> str:
        """Return what the links of an answer start with."""
        here = f"{request.url.scheme}://{request.url.netloc}{request.scope['root_path']}"
        return f"{(self.base_url or here).rstrip('/')}/api"


def _tied_to(relation: str) -> str:
    return f"related ->> '$.\"{relation}\"[1]' = :of"


def _hidden(request: Request) -> tuple[str, ...]:
    """Return what of a profile shows only when it is asked for, and was not."""
    additional = request.query_params.get("additional-fields[profile]", "").split(",")
    return () if "subscriptions" in additional else ("subscriptions",)


def _related(rows: Iterable[Row]) -> dict[str, set[str]]:
    """Return relation -> ids of what some records are related to."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for relation, (_, ids) in resources.related(row[3]).items():
            found[relation] |= {ids} if isinstance(ids, str) else set(ids)
    return found


def _of_survivor(row: tuple[Any, ...], merged: Mapping[str, str]) -> tuple[Any, ...]:
    """Return an event's row with the profile that has it now."""
    return (*row[:5], merged.get(row[5], row[5]), *row[6:])


def _one(data: str, links: Mapping[str, str], included: list[str] | None) -> Response:
    tail = "" if included is None else f',"included":[{",".join(included)}]'
    return _sent(f'{{"data":{data},"links":{resources.text(links)}{tail}}}')


def _page(data: Iterable[str], links: dict[str, str], included: list[str] | None) -> Response:
    return _sent(resources.document(data, links, included))


def _sent(body: str) -> Response:
    return Response(body, media_type=MEDIA_TYPE)
