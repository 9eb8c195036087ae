"""The HubSpot look-alike: objects, owners, associations, preferences, mail, and lists to fill."""

from typing import Any

from fastapi import APIRouter

from sandbox.hubspot.answers import Refused, error, limit_reached, missing_scopes
from sandbox.hubspot.associations import Associations
from sandbox.hubspot.erasure import Erasure
from sandbox.hubspot.lists import CrmLists
from sandbox.hubspot.mail import Mail
from sandbox.hubspot.objects import Objects
from sandbox.hubspot.preferences import Preferences
from sandbox.hubspot.scopes import required_scope
from sandbox.lists import Lists
from sandbox.store import Store

__all__ = [
    "Refused",
    "error",
    "limit_reached",
    "missing_scopes",
    "required_scope",
    "router",
]

VERSION = "2026-09"
OBJECTS = f"/crm/objects/{VERSION}/{{object_type}}"
PREFERENCES = f"/communication-preferences/{VERSION}"
STATUSES = f"{PREFERENCES}/statuses/batch"
LISTS = f"/crm/lists/{VERSION}"


def router(store: Store, lists: Lists, settings: dict[str, Any]) -> APIRouter:
    """Return the routes over a store.

    Args:
        store: where the records are.
        lists: who is on which list.
        settings: ``hubspot_search_lag_seconds`` delays what search sees, as the real index does;
            ``hubspot_associations_page`` is how many ties an object shows at once; and what
            HubSpot does not document about lists, see `CrmLists`.
    """
    objects = Objects(store, settings)
    associations = Associations(store, settings)
    preferences, mail = Preferences(store), Mail(store)
    routes = APIRouter()
    routes.add_api_route(f"/crm/owners/{VERSION}", objects.owners, methods=["GET"])
    routes.add_api_route(OBJECTS, objects.page, methods=["GET"])
    routes.add_api_route(OBJECTS + "/search", objects.search, methods=["POST"])
    routes.add_api_route(OBJECTS + "/batch/read", objects.batch_read, methods=["POST"])
    routes.add_api_route(OBJECTS + "/{object_id}", objects.by_id, methods=["GET"])
    routes.add_api_route(
        f"/crm/associations/{VERSION}/{{from_type}}/{{to_type}}/batch/read",
        associations.batch_read,
        methods=["POST"],
    )
    routes.add_api_route(f"{PREFERENCES}/definitions", preferences.definitions, methods=["GET"])
    routes.add_api_route(f"{STATUSES}/read", preferences.statuses, methods=["POST"])
    routes.add_api_route(
        f"{STATUSES}/unsubscribe-all/read", preferences.unsubscribed, methods=["POST"]
    )
    routes.add_api_route(f"/marketing/emails/{VERSION}", mail.emails, methods=["GET"])
    routes.add_api_route("/email/public/v1/events", mail.events, methods=["GET"])
    erasure = Erasure(lists.changes)
    routes.add_api_route(
        f"/crm/objects/{VERSION}/contacts/gdpr-delete", erasure.contact, methods=["POST"]
    )
    _add_lists(routes, CrmLists(lists, settings))
    return routes


def _add_lists(routes: APIRouter, lists: CrmLists) -> None:
    one = f"{LISTS}/{{list_id}}"
    named = f"{LISTS}/object-type-id/{{object_type}}/name/{{name}}"
    for method, path, handle in (
        ("POST", LISTS, lists.create),
        ("POST", f"{LISTS}/search", lists.search),
        ("POST", f"{LISTS}/records/memberships/batch/read", lists.of_records),
        ("GET", named, lists.by_name),
        ("GET", one, lists.by_id),
        ("DELETE", one, lists.delete),
        ("PUT", f"{one}/restore", lists.restore),
        ("GET", f"{one}/memberships", lists.members),
        ("GET", f"{one}/memberships/join-order", lists.join_order),
        ("PUT", f"{one}/memberships/add-and-remove", lists.add_and_remove),
    ):
        routes.add_api_route(path, handle, methods=[method])
