"""The Klaviyo look-alike: profiles, lists, campaigns, flows, metrics and events."""

from fastapi import APIRouter, Request

from sandbox.klaviyo.api import Api
from sandbox.klaviyo.asked import Refused, error, parse_filter
from sandbox.store import Store

__all__ = ["Refused", "error", "parse_filter", "required_scopes", "router"]

ROUTES = {
    "/profiles": "profiles",
    "/metrics": "metrics",
    "/tags": "tags",
    "/campaigns": "campaigns",
    "/campaigns/{campaign_id}/campaign-messages": "messages",
    "/flows": "flows",
    "/flows/{flow_id}/flow-actions": "flow_actions",
    "/flow-actions/{action_id}/flow-messages": "flow_messages",
    "/events": "events",
    "/events/{event_id}": "one_event",
    "/lists": "lists",
    "/lists/{list_id}": "one_list",
    "/lists/{list_id}/profiles": "members",
    "/lists/{list_id}/relationships/profiles": "member_ids",
}


def router(store: Store, base_url: str | None = None) -> APIRouter:
    """Return the routes over a store.

    Args:
        store: where the records and events are.
        base_url: what absolute links start with; None takes it from each request.
    """
    api = Api(store, base_url)
    routes = APIRouter(prefix="/api")
    for path, name in ROUTES.items():
        routes.add_api_route(path, getattr(api, name), methods=["GET"])
    routes.add_api_route("/metric-aggregates", api.metric_aggregates, methods=["POST"])
    return routes


def required_scopes(request: Request) -> list[str]:
    """Return the scopes that a request needs: of the endpoint, and of what it includes."""
    parts = request.url.path.split("/api/", 1)[-1].split("/")
    of = {"metric-aggregates": "metrics", "flow-actions": "flows"}
    wanted = [of.get(parts[0], parts[0])]
    if parts[0] == "lists" and parts[-1] == "profiles":
        wanted.append("profiles")
    for name in request.query_params.get("include", "").split(","):
        if name in ("profile", "metric", "tags"):
            wanted.append(f"{name.removesuffix('s')}s")
    return [f"{name}:read" for name in dict.fromkeys(wanted)]
