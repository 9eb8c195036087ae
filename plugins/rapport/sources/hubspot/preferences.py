"""What people said about being written to: subscriptions, and "nothing at all" as ``*``.

Changing a subscription need not move the contact's modified date. So the addresses of
contacts that changed tonight are asked for, a seventh of all others too, and whatever was
not asked for a week, or never.
"""

from collections.abc import Iterator
from typing import Any

from dlt.sources.helpers.rest_client.paginators import SinglePagePaginator

from rapport.errors import SourceError
from rapport.sources.hubspot.crm import Crm, Record
from rapport.sources.known import DUE, SWEEP_DAYS, Known, batches, create_state
from rapport.sources.records import Page, Row, as_text
from rapport.sources.streams import (
    CONTACTS,
    HUBSPOT,
    REMOVALS,
    SUBSCRIPTION_DEFINITIONS,
    SUBSCRIPTION_STATUSES,
)

DEFINITIONS_PATH = "/communication-preferences/v4/definitions"
STATUSES_PATH = "/communication-preferences/v4/statuses/batch/read"
WIDE_PATH = "/communication-preferences/v4/statuses/batch/unsubscribe-all/read"
BATCH_SIZE = 100  # the API's most
CHANNEL = "EMAIL"
EVERYTHING = "*"

ADDRESS = """
arg_max(
    case when json_valid(properties) then lower(trim(properties ->> '$.email')) end,
    (load_date, _dlt_load_id)
) as address
"""
# One malformed address would have the whole batch refused.
DUE_ADDRESSES = rf"""
select distinct state.address
from state
left join (
    select subscriber as address, max(try_cast(read_on as date)) as read_on
    from subscription_statuses
    group by subscriber
) as read using (address)
where
    not state.is_archived
    and regexp_full_match(state.address, '[^@\s]+@[^@\s]+\.[^@\s]+')
    and {DUE}
"""


def pull_definitions(crm: Crm) -> Iterator[Page]:
    """Yield what one can subscribe to."""
    pages = crm.api.pages(DEFINITIONS_PATH, params={}, paginator=SinglePagePaginator())
    for page in pages:
        yield SUBSCRIPTION_DEFINITIONS, [_definition(crm, record) for record in page]


def pull_statuses(crm: Crm, known: Known) -> Iterator[Page]:
    """Yield every status of each address that is due, the wide one among them."""
    with known.open(CONTACTS, SUBSCRIPTION_STATUSES, REMOVALS[HUBSPOT]) as landed:
        create_state(landed, CONTACTS, ADDRESS)
        due = {"as_of": known.as_of, "sweep": SWEEP_DAYS}
        for addresses in batches(landed, BATCH_SIZE, DUE_ADDRESSES, due):
            statuses = _ask(crm, STATUSES_PATH, addresses)
            wide = _ask(crm, WIDE_PATH, addresses)
            rows: list[Row] = [
                row | {"read_on": known.as_of.isoformat()}
                for address in addresses
                for row in (
                    *_subscriptions(address, statuses[address]),
                    *_wide(address, wide[address]),
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


def _ask(crm: Crm, path: str, addresses: list[str]) -> dict[str, Record]:
    """Return the answer for each address; errors say how many are missing, never which."""
    answer = crm.api.post(f"{path}?channel={CHANNEL}", {"inputs": addresses})
    crm.refuse_errors(path, answer)
    found = {str(each.get("subscriberIdString")).lower(): each for each in answer["results"]}
    if missing := set(addresses) - found.keys():
        raise SourceError(
            crm.id, f"{path}: no answer for {len(missing)} of {len(addresses)} addresses"
        )
    return found


def _subscriptions(address: str, answer: Record) -> Iterator[Row]:
    for status in answer.get("statuses") or []:
        yield _row(address, as_text(status.get("subscriptionId")), status)


def _wide(address: str, answer: Record) -> Iterator[Row]:
    """Yield the account-wide status, which says that it was asked for even where none was set."""
    statuses = answer.get("wideStatuses") or [{"status": "NOT_SPECIFIED"}]
    for status in statuses:
        unit = status.get("businessUnitId") if status.get("wideStatusType") != "PORTAL_WIDE" else ""
        yield _row(address, EVERYTHING + str(unit or ""), status)


def _row(address: str, subscription: str | None, status: dict[str, Any]) -> Row:
    taken = {"subscriberIdString", "subscriptionId", "channel", "status", "timestamp"}
    return {
        "subscriber": address,
        "channel": status.get("channel") or CHANNEL,
        "subscription_id": subscription,
        "status": status.get("status"),
        "set_at": as_text(status.get("timestamp")),
        "attributes": as_text({k: v for k, v in status.items() if k not in taken}),
        "extra": None,
    }
