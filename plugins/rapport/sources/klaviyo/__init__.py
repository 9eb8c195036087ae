"""Klaviyo: profiles, lists with members, metrics, campaigns, flows, events, reconciliation."""

from collections.abc import Callable, Iterator
from datetime import datetime

from rapport.errors import SourceRefused
from rapport.sources import versions
from rapport.sources.connection import Connection
from rapport.sources.klaviyo.api import (
    Klaviyo,
    instant,
    owners_of,
    tag_names,
    tags_of,
)
from rapport.sources.klaviyo.flows import pull_flows
from rapport.sources.klaviyo.lists import pull_lists
from rapport.sources.klaviyo.reconciliation import reconcile
from rapport.sources.known import Known, unless_refused
from rapport.sources.records import Page, set_apart
from rapport.sources.resuming import resumed
from rapport.sources.streams import (
    CAMPAIGN_MESSAGES,
    CAMPAIGNS,
    EVENTS,
    FLOWS,
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
    """Yield what is new in a group of Klaviyo's streams, and what could not be read of it.

    Args:
        connection: see `Klaviyo`; ``options`` may also set ``channels``.
        group: a key of ``streams.GROUPS``.
        known: what is landed.
        until: events at or after this moment belong to a later night.
    """
    api = Klaviyo(connection)
    for stream, rows in set_apart(_pull(api, connection, group, known, until), known.as_of):
        yield stream, rows
        yield from api.refusals(known.as_of)
    yield from api.refusals(known.as_of)


def _pull(
    api: Klaviyo,
    connection: Connection,
    group: str,
    known: Known,
    until: datetime,
) -> Iterator[Page]:
    channels = connection.options.get("channels", CHANNELS)
    pulls: dict[str, Callable[[], Iterator[Page]]] = {
        "klaviyo_profiles": lambda: _profiles(api, known.start(PROFILES)),
        "klaviyo_lists": lambda: unless_refused(LISTS, known, api.id, pull_lists(api, known)),
        "klaviyo_campaigns": lambda: _campaigns(api, channels),
        "klaviyo_flows": lambda: unless_refused(FLOWS, known, api.id, pull_flows(api)),
        "klaviyo_events": lambda: _events(api, known.start(EVENTS), until),
        "klaviyo_reconciliation": lambda: reconcile(api, known, until),
    }
    yield from pulls[group]()


def _profiles(api: Klaviyo, since: datetime | None) -> Iterator[Page]:
    asked = [("updated", "greater-than")]
    if since:
        asked += [(field, "greater-or-equal") for field in SUPPRESSIONS]
    for field, operator in asked:
        for page in api.changed_profiles(field, operator, since):
            yield PROFILES, [api.row(PROFILES, record) for record in page]


def _campaigns(api: Klaviyo, channels: list[str]) -> Iterator[Page]:
    for page in api.pages(versions.METRICS.path(), {}):
        yield METRICS, [api.row(METRICS, record) for record in page]
    for channel in channels:
        try:
            yield from _of_channel(api, channel)
        except SourceRefused as refusal:
            api.refuse(CAMPAIGNS, str(refusal), part=channel)


def _of_channel(api: Klaviyo, channel: str) -> Iterator[Page]:
    params = {
        "filter": f"equals(messages.channel,'{channel}')",
        "include": "campaign-messages,tags",
        "fields[campaign-message]": "created_at,updated_at,definition.channel,definition.label",
    }
    for page in resumed(lambda _: api.pages(versions.CAMPAIGNS.path(), params)):
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
    for page in api.events(f"less-than(datetime,{instant(until)})", since=since):
        yield EVENTS, [api.row(EVENTS, record) for record in page]
