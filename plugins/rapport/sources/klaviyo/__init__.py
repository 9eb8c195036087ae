"""Klaviyo: profiles, lists with members, metrics, campaigns, flows, events, reconciliation."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from rapport.sources.connection import Connection
from rapport.sources.klaviyo.api import (
    PROFILES_PAGE_SIZE,
    Klaviyo,
    instant,
    owners_of,
    tag_names,
    tags_of,
)
from rapport.sources.klaviyo.flows import pull_flows
from rapport.sources.klaviyo.reconciliation import reconcile
from rapport.sources.known import Known, unless_refused
from rapport.sources.records import Page
from rapport.sources.streams import (
    CAMPAIGN_MESSAGES,
    CAMPAIGNS,
    EVENTS,
    FLOWS,
    LIST_MEMBERS,
    LISTS,
    METRICS,
    PROFILES,
)

CHANNELS = ("email", "sms", "mobile_push")  # a campaign list must name one
# Being suppressed need not move a profile's `updated`.
SUPPRESSIONS = (
    "subscriptions.email.marketing.suppression.timestamp",
    "subscriptions.email.marketing.list_suppressions.timestamp",
)


def klaviyo(connection: Connection, group: str, known: Known, until: datetime) -> Iterator[Page]:
    """Yield what is new in a group of Klaviyo's streams.

    Args:
        connection: see `Klaviyo`; ``options`` may also set ``channels``.
        group: a key of ``streams.GROUPS``.
        known: what is landed.
        until: events at or after this moment belong to a later night.
    """
    api = Klaviyo(connection)
    channels = connection.options.get("channels", CHANNELS)
    pulls: dict[str, Callable[[], Iterator[Page]]] = {
        "klaviyo_profiles": lambda: _profiles(api, known.start(PROFILES)),
        "klaviyo_lists": lambda: unless_refused(LISTS, known, api.id, _lists(api)),
        "klaviyo_campaigns": lambda: _campaigns(api, channels),
        "klaviyo_flows": lambda: unless_refused(FLOWS, known, api.id, pull_flows(api)),
        "klaviyo_events": lambda: _events(api, known.start(EVENTS), until),
        "klaviyo_reconciliation": lambda: reconcile(api, known, until),
    }
    yield from pulls[group]()


def _profiles(api: Klaviyo, since: datetime | None) -> Iterator[Page]:
    asked: list[dict[str, str]] = [{"sort": "updated"}]
    if since:
        asked[0]["filter"] = f"greater-than(updated,{instant(since)})"
        asked += [
            {"sort": field, "filter": f"greater-or-equal({field},{instant(since)})"}
            for field in SUPPRESSIONS
        ]
    for params in asked:
        for page in api.profiles(**params):
            yield PROFILES, [api.row(PROFILES, record) for record in page]


def _lists(api: Klaviyo) -> Iterator[Page]:
    """Yield every list and all its members: leaving a list leaves no trace elsewhere."""
    members: dict[str, Any] = {
        "fields[profile]": "joined_group_at",
        "page[size]": PROFILES_PAGE_SIZE,
    }
    for page in api.pages("lists", {}):
        yield LISTS, [api.row(LISTS, record) for record in page]
        for found in page:
            list_id = found["id"]
            for profiles in api.pages(f"lists/{list_id}/profiles", members):
                yield (
                    LIST_MEMBERS,
                    [
                        {
                            "list_id": list_id,
                            "profile_id": profile["id"],
                            "joined_group_at": profile["attributes"].get("joined_group_at"),
                            "extra": None,
                        }
                        for profile in profiles
                    ],
                )


def _campaigns(api: Klaviyo, channels: list[str]) -> Iterator[Page]:
    for page in api.pages("metrics", {}):
        yield METRICS, [api.row(METRICS, record) for record in page]
    for channel in channels:
        params = {
            "filter": f"equals(messages.channel,'{channel}')",
            "include": "campaign-messages,tags",
            "fields[campaign-message]": "created_at,updated_at,definition.channel,definition.label",
        }
        for page in api.pages("campaigns", params):
            included = page.response.json().get("included") or []
            names = tag_names(included)
            yield (
                CAMPAIGNS,
                [
                    api.row(CAMPAIGNS, record, channel=channel, tags=tags_of(record, names))
                    for record in page
                ],
            )
            owners = owners_of(page, "campaign-messages")
            yield (
                CAMPAIGN_MESSAGES,
                [
                    api.row(CAMPAIGN_MESSAGES, record, campaign_id=owners.get(record["id"]))
                    for record in included
                    if record["type"] == "campaign-message"
                ],
            )


def _events(api: Klaviyo, since: datetime | None, until: datetime) -> Iterator[Page]:
    bounds = [f"less-than(datetime,{instant(until)})"]
    if since:
        bounds.insert(0, f"greater-or-equal(datetime,{instant(since)})")
    for page in api.events(*bounds):
        yield EVENTS, [api.row(EVENTS, record) for record in page]
