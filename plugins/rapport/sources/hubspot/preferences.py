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

from rapport.errors import SourceError, SourceRefused
from rapport.sources.hubspot.crm import Crm, Record
from rapport.sources.known import DUE, IS_RESUMED, SWEEP_DAYS, Known, batches, create_state
from rapport.sources.records import Page, Row, as_text, flawed
from rapport.sources.streams import (
    CONTACTS,
    HUBSPOT,
    REFUSALS,
    REMOVALS,
    SUBSCRIPTION_DEFINITIONS,
    SUBSCRIPTION_STATUSES,
)
from rapport.sources.strict import FLAW
from rapport.sources.versions import DEFINITIONS, STATUSES, WIDE_STATUSES, Endpoint

logger = logging.getLogger(__name__)

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
# One malformed address has the whole batch refused; those that anybody can tell are not sent.
DUE_ADDRESSES = rf"""
select distinct state.address
from (
    select id, seen_on, is_archived, lower(trim(unnest(addresses))) as address from state
) as state
left join (
    select address, max(try_cast(read_on as date)) as read_on, {IS_RESUMED} as is_resumed
    from (
        select subscriber as address, read_on, _dlt_load_id
        from subscription_statuses
        where channel = $channel
        union all
        select id, noticed_on, _dlt_load_id
        from refusals
        where stream = 'subscription_statuses' and part in ('EMAIL', $channel)
    )
    group by address
) as read using (address)
where
    not state.is_archived
    and not coalesce(read.is_resumed, false)
    and regexp_full_match(state.address, '[^@\s]+@[^@\s]+\.[^@\s]+')
    and {DUE}
"""


def pull_definitions(crm: Crm) -> Iterator[Page]:
    """Yield what one can subscribe to."""
    pages = crm.api.pages(crm.path(DEFINITIONS), params={}, paginator=SinglePagePaginator())
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
    with known.open(
        CONTACTS, SUBSCRIPTION_STATUSES, REMOVALS[HUBSPOT], REFUSALS[HUBSPOT]
    ) as landed:
        create_state(landed, CONTACTS, ADDRESSES)
        refused: set[str] = set()
        for channel in dict.fromkeys((EMAIL, *channels)):
            yield from _pull_channel(crm, known, landed, channel, refused)


def _pull_channel(
    crm: Crm, known: Known, landed: DuckDBPyConnection, channel: str, refused: set[str]
) -> Iterator[Page]:
    """Yield the statuses of one channel; nothing if the account refuses the first question.

    Args:
        crm: HubSpot.
        known: what is landed.
        landed: with the tables that say which addresses are due.
        channel: the channel.
        refused: addresses that HubSpot did not take tonight; those of this channel are added.
    """
    due = {
        "as_of": known.as_of,
        "sweep": SWEEP_DAYS,
        "everything": known.is_lost(SUBSCRIPTION_STATUSES),
        "channel": channel,
    }
    is_there = channel == EMAIL
    for batch in batches(landed, BATCH_SIZE, DUE_ADDRESSES, due):
        addresses = [address for address in batch if address not in refused]
        if not addresses:
            continue
        if not is_there and not _has_channel(crm, addresses[:1], channel):
            logger.warning(
                "connection %r: the account has no channel %s; what was landed of it stays",
                crm.id,
                channel,
            )
            return
        is_there = True
        for asked, statuses in _asked(crm, STATUSES, addresses, channel):
            if statuses is None:
                refused.update(asked)
                continue
            answers = _asked(crm, WIDE_STATUSES, asked, channel)
            wides = [answer for _, answer in answers if answer is not None]
            wide = {address: answer for each in wides for address, answer in each.items()}
            rows: list[Row] = [
                row | {"read_on": known.as_of.isoformat()}
                for address in asked
                for row in (
                    *_subscriptions(address, statuses[address], channel),
                    *(_wide(address, wide[address], channel) if address in wide else ()),
                )
            ]
            yield SUBSCRIPTION_STATUSES, rows


def _has_channel(crm: Crm, addresses: list[str], channel: str) -> bool:
    """Say whether an account takes questions about a channel other than e-mail."""
    question = {"inputs": addresses}
    return crm.api.post_unless(_of(crm.path(STATUSES), channel), question, NO_CHANNEL) is not None


def _definition(crm: Crm, record: Record) -> Row:
    if flaw := record.get(FLAW):
        return flawed(SUBSCRIPTION_DEFINITIONS, record, flaw, as_text(record.get("id")))
    if not record.get("id"):
        raise SourceError(crm.id, f"{crm.path(DEFINITIONS)}: a definition came without an id")
    rest = {k: v for k, v in record.items() if k not in ("id", "createdAt", "updatedAt")}
    return {
        "id": as_text(record["id"]),
        "created_at": as_text(record.get("createdAt")),
        "updated_at": as_text(record.get("updatedAt")),
        "attributes": as_text(rest),
        "extra": None,
    }


def _asked(
    crm: Crm, endpoint: Endpoint, addresses: list[str], channel: str
) -> Iterator[tuple[list[str], dict[str, Record] | None]]:
    """Yield parts of a batch with the answer for each address; None for one that is refused."""
    path = crm.path(endpoint)
    yield from crm.split(
        path,
        addresses,
        lambda part: _ask(crm, path, part, channel),
        stream=SUBSCRIPTION_STATUSES,
        part=channel,
    )


def _ask(crm: Crm, path: str, addresses: list[str], channel: str) -> dict[str, Record]:
    """Return the answer for each address.

    Errors say how many addresses are missing, never which.

    Raises:
        SourceRefused: the batch is refused, or the answer leaves out a part of it.
    """
    answer = crm.api.post(_of(path, channel), {"inputs": addresses})
    crm.refuse_errors(path, answer)
    if flaw := next((each[FLAW] for each in answer["results"] if FLAW in each), None):
        raise SourceRefused(crm.id, f"{path}: {flaw}", 200)
    found = {str(each.get("subscriberIdString")).lower(): each for each in answer["results"]}
    if missing := set(addresses) - found.keys():
        raise SourceRefused(
            crm.id, f"{path}: no answer for {len(missing)} of {len(addresses)} addresses", 200
        )
    return found


def _of(path: str, channel: str) -> str:
    return f"{path}?channel={channel}"


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
        "status": as_text(status.get("status")),
        "set_at": as_text(status.get("timestamp")),
        "attributes": as_text({k: v for k, v in status.items() if k not in taken}),
        "extra": None,
    }
