"""What people said about being written to: subscriptions, and "nothing at all" as ``*``.

Each address of a contact is asked about, the further ones too: what somebody said is tied to an
address. Changing a subscription need not move the contact's modified date. So the addresses of
contacts that changed tonight are asked for, a seventh of all others too, and whatever was
not asked for a week, or never; each channel for itself.

The API takes EMAIL, SMS and WHATSAPP, names a subscriber by the e-mail address on all of them, and
answers for EMAIL in every account. The others are asked as far as the account has them.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from dlt.sources.helpers.rest_client.paginators import SinglePagePaginator
from duckdb import DuckDBPyConnection

from rapport.errors import SourceError
from rapport.sources.hubspot.crm import Crm, Record
from rapport.sources.known import DUE, IS_RESUMED, SWEEP_DAYS, Known, batches, create_state
from rapport.sources.records import Page, Row, as_text
from rapport.sources.streams import (
    CONTACTS,
    HUBSPOT,
    REMOVALS,
    SUBSCRIPTION_DEFINITIONS,
    SUBSCRIPTION_STATUSES,
)

logger = logging.getLogger(__name__)

DEFINITIONS_PATH = "/communication-preferences/v4/definitions"
STATUSES_PATH = "/communication-preferences/v4/statuses/batch/read"
WIDE_PATH = "/communication-preferences/v4/statuses/batch/unsubscribe-all/read"
BATCH_SIZE = 100  # the API's most
EMAIL = "EMAIL"
CHANNELS = (EMAIL, "SMS", "WHATSAPP")
# How an account says that it has no such channel: the value is refused, or the scope is missing.
NO_CHANNEL = (400, 403)
EVERYTHING = "*"

ADDRESSES = """
arg_max(
    case when json_valid(properties) then list_concat(
        [properties ->> '$.email'],
        string_split(coalesce(properties ->> '$.hs_additional_emails', ''), ';')
    ) end,
    (load_date, _dlt_load_id)
) as addresses
"""
# One malformed address would have the whole batch refused.
DUE_ADDRESSES = rf"""
select distinct state.address
from (
    select id, seen_on, is_archived, lower(trim(unnest(addresses))) as address from state
) as state
left join (
    select
        subscriber as address, max(try_cast(read_on as date)) as read_on, {IS_RESUMED} as is_resumed
    from subscription_statuses
    where channel = $channel
    group by subscriber
) as read using (address)
where
    not state.is_archived
    and not coalesce(read.is_resumed, false)
    and regexp_full_match(state.address, '[^@\s]+@[^@\s]+\.[^@\s]+')
    and {DUE}
"""


def pull_definitions(crm: Crm) -> Iterator[Page]:
    """Yield what one can subscribe to."""
    pages = crm.api.pages(DEFINITIONS_PATH, params={}, paginator=SinglePagePaginator())
    for page in pages:
        yield SUBSCRIPTION_DEFINITIONS, [_definition(crm, record) for record in page]


def pull_statuses(crm: Crm, known: Known, channels: Sequence[str] = CHANNELS) -> Iterator[Page]:
    """Yield every status of each address that is due, the wide one among them.

    Args:
        crm: HubSpot.
        known: what is landed, which says who is due.
        channels: asked for beside e-mail, which comes first: where that is refused, the request
            or the key is wrong, and where only another one is, the account lacks it.
    """
    with known.open(CONTACTS, SUBSCRIPTION_STATUSES, REMOVALS[HUBSPOT]) as landed:
        create_state(landed, CONTACTS, ADDRESSES)
        for channel in dict.fromkeys((EMAIL, *channels)):
            yield from _pull_channel(crm, known, landed, channel)


def _pull_channel(
    crm: Crm, known: Known, landed: DuckDBPyConnection, channel: str
) -> Iterator[Page]:
    """Yield the statuses of one channel; nothing if the account refuses the first question."""
    due = {
        "as_of": known.as_of,
        "sweep": SWEEP_DAYS,
        "everything": known.is_lost(SUBSCRIPTION_STATUSES),
        "channel": channel,
    }
    is_there = channel == EMAIL
    for addresses in batches(landed, BATCH_SIZE, DUE_ADDRESSES, due):
        statuses = _ask(crm, STATUSES_PATH, addresses, channel, must=is_there)
        if statuses is None:
            logger.warning(
                "connection %r: the account has no channel %s; what was landed of it stays",
                crm.id,
                channel,
            )
            return
        is_there = True
        wide = _ask(crm, WIDE_PATH, addresses, channel) or {}
        rows: list[Row] = [
            row | {"read_on": known.as_of.isoformat()}
            for address in addresses
            for row in (
                *_subscriptions(address, statuses[address], channel),
                *_wide(address, wide[address], channel),
            )
        ]
        yield SUBSCRIPTION_STATUSES, rows


def _definition(crm: Crm, record: Record) -> Row:
    if not record.get("id"):
        raise SourceError(crm.id, f"{DEFINITIONS_PATH}: a definition came without an id")
    rest = {k: v for k, v in record.items() if k not in ("id", "createdAt", "updatedAt")}
    return {
        "id": as_text(record["id"]),
        "created_at": as_text(record.get("createdAt")),
        "updated_at": as_text(record.get("updatedAt")),
        "attributes": as_text(rest),
        "extra": None,
    }


def _ask(
    crm: Crm, path: str, addresses: list[str], channel: str, *, must: bool = True
) -> dict[str, Record] | None:
    """Return the answer for each address, or None if the channel is refused and need not be there.

    Errors say how many addresses are missing, never which.
    """
    answer = crm.api.post_unless(
        f"{path}?channel={channel}", {"inputs": addresses}, () if must else NO_CHANNEL
    )
    if answer is None:
        return None
    crm.refuse_errors(path, answer)
    found = {str(each.get("subscriberIdString")).lower(): each for each in answer["results"]}
    if missing := set(addresses) - found.keys():
        raise SourceError(
            crm.id, f"{path}: no answer for {len(missing)} of {len(addresses)} addresses"
        )
    return found


def _subscriptions(address: str, answer: Record, channel: str) -> Iterator[Row]:
    for status in answer.get("statuses") or []:
        yield _row(address, as_text(status.get("subscriptionId")), status, channel)


def _wide(address: str, answer: Record, channel: str) -> Iterator[Row]:
    """Yield the account-wide status, which says that it was asked for even where none was set."""
    statuses = list(answer.get("wideStatuses") or [])
    if channel not in {status.get("channel") or channel for status in statuses}:
        statuses.append({"status": "NOT_SPECIFIED"})
    for status in statuses:
        unit = status.get("businessUnitId") if status.get("wideStatusType") != "PORTAL_WIDE" else ""
        yield _row(address, EVERYTHING + str(unit or ""), status, channel)


def _row(address: str, subscription: str | None, status: dict[str, Any], channel: str) -> Row:
    taken = {"subscriberIdString", "subscriptionId", "channel", "status", "timestamp"}
    return {
        "subscriber": address,
        "channel": status.get("channel") or channel,
        "subscription_id": subscription,
        "status": status.get("status"),
        "set_at": as_text(status.get("timestamp")),
        "attributes": as_text({k: v for k, v in status.items() if k not in taken}),
        "extra": None,
    }
