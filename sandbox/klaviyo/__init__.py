"""The Klaviyo look-alike: profiles, lists, campaigns, flows, metrics and events."""

import re
from typing import Any

from fastapi import APIRouter, Request, Response

from sandbox.klaviyo.api import Api
from sandbox.klaviyo.asked import Refused, error, parse_filter
from sandbox.klaviyo.writes import Writes
from sandbox.lists import Lists
from sandbox.store import Store

__all__ = [
    "REVISIONS",
    "Refused",
    "error",
    "parse_filter",
    "refused_revision",
    "required_scopes",
    "router",
]

# Those that are served, the newest last; Klaviyo serves one for two years.
REVISIONS = ("2026-07-15", "2026-10-15")
_REVISION = re.compile(r"\d{4}-\d{2}-\d{2}\Z")

ROUTES = {
    "/profiles": "profiles",
    "/metrics": "metrics",
    "/tags": "tags",
    "/campaigns": "campaigns",
    "/campaigns/{campaign_id}/campaign-messages": "messages",
    "/flows": "flows",
    "/flows/{flow_id}": "one_flow",
    "/flows/{flow_id}/flow-actions": "flow_actions",
    "/flow-actions/{action_id}/flow-messages": "flow_messages",
    "/events": "events",
    "/events/{event_id}": "one_event",
    "/lists": "lists",
    "/lists/{list_id}": "one_list",
    "/lists/{list_id}/profiles": "members",
    "/lists/{list_id}/relationships/profiles": "member_ids",
    "/lists/{list_id}/flow-triggers": "triggered_flows",
}


def router(
    store: Store, lists: Lists, settings: dict[str, Any], base_url: str | None = None
) -> APIRouter:
    """Return the routes over a store.

    Args:
        store: where the records and events are.
        lists: who is on which list.
        settings: what Klaviyo does not document about lists, see `Writes`.
        base_url: what absolute links start with; None takes it from each request.
    """
    api = Api(store, lists, base_url)
    writes = Writes(lists, api.base, settings)
    routes = APIRouter(prefix="/api")
    for path, name in ROUTES.items():
        routes.add_api_route(path, getattr(api, name), methods=["GET"])
    routes.add_api_route("/metric-aggregates", api.metric_aggregates, methods=["POST"])
    members = "/lists/{list_id}/relationships/profiles"
    for method, path, handle in (
        ("POST", "/lists", writes.create_list),
        ("DELETE", "/lists/{list_id}", writes.delete_list),
        ("POST", members, writes.join),
        ("DELETE", members, writes.leave),
        ("POST", "/data-privacy-deletion-jobs", writes.delete_profiles),
    ):
        routes.add_api_route(path, handle, methods=[method])
    return routes


def refused_revision(request: Request) -> Response | None:
    """Return the refusal of a request whose revision is missing, none, or served no longer.

    A retired one is answered as the next would be, unless the request wants to know.
    """
    given = request.headers.get("revision", "")
    if given in REVISIONS:
        return None
    if _REVISION.match(given) and given < REVISIONS[0]:
        if request.headers.get("x-klaviyo-revision-fall-forward-opt-out") != "1":
            return None
        return error(410, "gone", "Gone.", f"The revision {given} is retired.")
    return error(
        400,
        "invalid",
        "Invalid input.",
        f"A revision header such as {REVISIONS[-1]} is required.",
        parameter="revision",
    )


def required_scopes(request: Request) -> list[str]:
    """Return the scopes that a request needs: of the endpoint, and of what it includes."""
    parts = request.url.path.split("/api/", 1)[-1].split("/")
    of = {
        "metric-aggregates": "metrics",
        "flow-actions": "flows",
        "data-privacy-deletion-jobs": "data-privacy",
    }
    wanted = [of.get(parts[0], parts[0])]
    if parts[0] == "lists" and parts[-1] == "profiles":
        wanted.append("profiles")
    if parts[-1] == "flow-triggers":
        wanted.append("flows")
    for name in request.query_params.get("include", "").split(","):
        if name in ("profile", "metric", "tags"):
            wanted.append(f"{name.removesuffix('s')}s")
    reads = request.method == "GET" or parts[0] == "metric-aggregates"
    return [f"{name}:{'read' if reads else 'write'}" for name in dict.fromkeys(wanted)]
