"""The records that the look-alike APIs serve: every version of each, with its time.

The tables are those of `sandbox.schema`.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from sandbox import schema
from sandbox.clock import FOREVER, hubspot_time, klaviyo_time
from sandbox.households import (
    BUSINESS_HOURS,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    SHOPPING_HOURS,
    Campaign,
    Household,
    between,
    campaigns,
    day,
    households,
    ms,
)
from sandbox.people import domain_in_other_case, draw, share
from sandbox.schema import (
    CAMPAIGNS,
    CONTACTS,
    DEMOGRAPHICS,
    MESSAGES,
    METRICS,
    OWNERS,
    PROFILES,
    Event,
    Record,
)

OPENING = day(2016, 10, 3) + 8 * HOUR  # the day the two accounts were opened
STAFF = (
    ("Linh", "Đặng"),
    ("Maryam", "Hosseini"),
    ("Grace", "Whitfield"),
    ("Jonas", "Brandt"),
    ("Minh", "Phan"),
    ("Lucía", "Ferrer"),
    ("Reza", "Karimi"),
    ("Olivia", "Marsh"),
)
LEAVER = 5  # this owner leaves, and a colleague takes over her contacts
SUCCESSOR = 2
LEFT = day(2017, 9, 29) + 16 * HOUR
RECEIVED_EMAIL = "Received Email"
COUPON_REDEEMED = "Coupon Redeemed"


def build(path: Path, data: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write the records and events, and return how many objects and events there are."""
    everybody, sent = households(data), campaigns(data)
    crm = sqlite3.connect(path)
    schema.create(crm)
    records = [
        *_owners(),
        *_metrics(),
        *(version for campaign in sent for version in _campaign(campaign)),
        *(version for household in everybody for version in _contact(household)),
        *(version for household in everybody for version in _duplicate(household)),
        *(version for household in everybody for version in _profile(household)),
    ]
    schema.write(crm, Record, records)
    events = sorted(
        [*_received(data, {campaign.number: campaign for campaign in sent}), *_redeemed(data)],
        key=lambda event: (event[2], event[0]),
    )
    schema.write(crm, Event, events)
    counts = schema.finish(crm)
    crm.close()
    return counts


# HubSpot ------------------------------------------------------------------------------------------


def _contact(household: Household) -> Iterator[Record]:
    """Yield the versions of a household's contact."""
    first_name, last_name = household.person.name_in_crm
    changes: list[tuple[int, dict[str, str | None]]] = [
        (
            household.in_crm_since,
            {
                "email": household.person.email,
                "firstname": first_name,
                "lastname": last_name,
                "phone": household.person.phone_as_typed,
                "hs_language": household.person.language,
                "hubspot_owner_id": _owner_id(_owner_of(household, household.in_crm_since)),
                "lifecyclestage": "lead",
                "shop_customer_number": (
                    str(household.number) if household.number_in_crm else None
                ),
                **dict.fromkeys(DEMOGRAPHICS),
            },
        ),
        (household.first_order + 10 * MINUTE, {"lifecyclestage": "customer"}),
    ]
    if household.described_at:
        changes.append((household.described_at, household.demographics or {}))
    if household.moved_mail_at:
        moved = household.moved_mail_at + 20 * MINUTE
        changes.append((moved, {"email": household.person.second_email}))
    if _owner_of(household, household.in_crm_since) == LEAVER:
        handed_over = LEFT + 16 * HOUR + household.number * SECOND
        changes.append((handed_over, {"hubspot_owner_id": _owner_id(SUCCESSOR)}))
    yield from _contact_versions(_contact_id(household.number), changes)


def _duplicate(household: Household) -> Iterator[Record]:
    """Yield the second contact that somebody once made for a few households.

    Some were found and deleted: HubSpot keeps those as archived, with the modified date they had.
    """
    if household.is_canary or share("duplicate", household.number) >= 0.022:
        return
    first_name, last_name = household.person.name_in_crm
    created = household.in_crm_since + between(20 * DAY, 200 * DAY, "again", household.number)
    has_mail = not household.moved_mail_at and share("again with mail", household.number) < 0.5
    values: dict[str, str | None] = {
        "email": household.person.second_email if has_mail else None,
        "firstname": first_name.upper(),
        "lastname": last_name,
        "phone": household.person.phone,
        "hs_language": None,
        "hubspot_owner_id": None,
        "lifecyclestage": "lead",
        "shop_customer_number": str(household.number),
        **dict.fromkeys(DEMOGRAPHICS),
    }
    deleted = share("again deleted", household.number) < 0.4
    archived_at = created + between(5 * DAY, 40 * DAY, "deleted", household.number)
    yield from _contact_versions(
        _contact_id(household.number + 50_000),
        [(created, values)],
        archived_at if deleted else None,
    )


def _contact_versions(
    contact_id: str,
    changes: list[tuple[int, dict[str, str | None]]],
    archived_at: int | None = None,
) -> Iterator[Record]:
    """Yield one version per change, and one more when the contact is deleted."""
    changes.sort(key=lambda change: change[0])
    created = changes[0][0]
    ends = [at for at, _ in changes[1:]] + [archived_at or FOREVER]
    properties: dict[str, str | None] = {}
    for (at, values), end in zip(changes, ends, strict=True):
        properties = {
            **properties,
            **values,
            "createdate": hubspot_time(created),
            "lastmodifieddate": hubspot_time(at),
            "hs_object_id": contact_id,
        }
        version = Record(CONTACTS, contact_id, at, end, created, at, None, _json(properties))
        yield version
    if archived_at:
        yield version._replace(valid_from=archived_at, valid_until=FOREVER, archived_at=archived_at)


def _contact_id(number: int) -> str:
    return str(20_000_000_000 + number * 1_009)


def _owner_id(owner: int) -> str:
    return str(71_000_001 + owner * 131)


def _owner_of(household: Household, at: int) -> int:
    owner = draw("owner", household.number) % len(STAFF)
    return SUCCESSOR if owner == LEAVER and at >= LEFT else owner


def _owners() -> Iterator[Record]:
    """Yield the staff; one of them left."""
    for number, (first_name, last_name) in enumerate(STAFF):
        body = {
            "email": f"staff{number + 1}@example.com",
            "firstName": first_name,
            "lastName": last_name,
            "userId": 4_100_001 + number,
            "teams": [{"id": "901", "name": "Customer care", "primary": True}],
        }
        record = Record(
            OWNERS, _owner_id(number), OPENING, FOREVER, OPENING, OPENING, None, _json(body)
        )
        if number != LEAVER:
            yield record
        else:
            yield record._replace(valid_until=LEFT)
            yield record._replace(valid_from=LEFT, modified_at=LEFT, archived_at=LEFT)


# Klaviyo ------------------------------------------------------------------------------------------


def _profile(household: Household) -> Iterator[Record]:
    """Yield the versions of a household's profile: made, moved mail, unsubscribed."""
    created = household.in_mailing_since
    profile_id = _profile_id(household.number)
    first_name, last_name = household.person.name_in_mailing
    email = household.person.email
    if not household.number_in_mailing:
        email = domain_in_other_case(email)
    moments = {created: {"email": email}}
    if household.moved_mail_at:
        moved = household.moved_mail_at + 40 * MINUTE
        moments[moved] = {"email": household.person.second_email}
    if household.unsubscribed_at:
        moments.setdefault(household.unsubscribed_at, {})
    instants = sorted(moments)
    attributes: dict[str, Any] = {
        "email": None,
        "phone_number": household.person.phone,
        "external_id": str(household.number) if household.number_in_mailing else None,
        "first_name": first_name,
        "last_name": last_name,
        "organization": None,
        "locale": household.person.locale,
        "title": None,
        "image": None,
        "created": klaviyo_time(created),
        "updated": None,
        "last_event_date": None,
        "location": {},
        "properties": {},
    }
    for at, end in zip(instants, [*instants[1:], FOREVER], strict=True):
        attributes |= moments[at]
        attributes["updated"] = klaviyo_time(at)
        attributes["subscriptions"] = _subscriptions(household, at)
        yield Record(PROFILES, profile_id, at, end, created, at, None, _json(attributes))


def _subscriptions(household: Household, at: int) -> dict[str, Any]:
    """Return the consent of a profile at an instant: to e-mail, and to nothing else."""
    left = household.unsubscribed_at
    is_out = left is not None and at >= left
    since = left if is_out else household.in_mailing_since if household.subscribed else None
    consent = "UNSUBSCRIBED" if is_out else "SUBSCRIBED" if household.subscribed else None
    stamp = klaviyo_time(since) if since else None
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": not is_out,
                "consent": consent or "NEVER_SUBSCRIBED",
                "consent_timestamp": stamp,
                "last_updated": stamp,
                "method": "PREFERENCE_PAGE" if is_out else "FORM" if consent else None,
                "method_detail": "",
                "custom_method_detail": None,
                "double_optin": bool(consent),
                "suppression": [{"reason": "UNSUBSCRIBE", "timestamp": stamp}] if is_out else [],
                "list_suppressions": [],
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": False,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
                "method": None,
                "method_detail": "",
                "last_updated": None,
            }
        },
        "mobile_push": {
            "marketing": {
                "can_receive_push_marketing": False,
                "consent": "NEVER_SUBSCRIBED",
                "consent_timestamp": None,
            }
        },
    }


def _metrics() -> Iterator[Record]:
    """Yield the two kinds of event there are."""
    for name, integration in (
        (RECEIVED_EMAIL, {"object": "integration", "name": "Klaviyo", "category": "Internal"}),
        (COUPON_REDEEMED, {"object": "integration", "name": "API", "category": "API"}),
    ):
        stamp = klaviyo_time(OPENING)
        body = {
            "name": name,
            "created": stamp,
            "updated": stamp,
            "integration": {"id": _code("integration", name, length=5), **integration},
        }
        yield Record(
            METRICS, _metric_id(name), OPENING, FOREVER, OPENING, OPENING, None, _json(body)
        )


def _campaign(campaign: Campaign) -> Iterator[Record]:
    """Yield a campaign as draft, scheduled and sent, and its one message."""
    message_id = _ulid("message", campaign.number)
    created, send_time = campaign.created, campaign.send_time
    steps = (
        (created, campaign.scheduled, "Draft"),
        (campaign.scheduled, send_time, "Scheduled"),
        (send_time, FOREVER, "Sent"),
    )
    for at, end, status in steps:
        body = {
            "name": campaign.name,
            "status": status,
            "archived": False,
            "audiences": {"included": [_code("list", campaign.number, length=6)], "excluded": []},
            "send_options": {"use_smart_sending": True},
            "tracking_options": {
                "add_tracking_params": False,
                "custom_tracking_params": [],
                "is_tracking_clicks": True,
                "is_tracking_opens": True,
            },
            "send_strategy": {"method": "static", "datetime": klaviyo_time(send_time)},
            "created_at": klaviyo_time(created),
            "scheduled_at": None if status == "Draft" else klaviyo_time(campaign.scheduled),
            "updated_at": klaviyo_time(at),
            "send_time": klaviyo_time(send_time) if status == "Sent" else None,
        }
        related = {"campaign-messages": ["campaign-message", [message_id]]}
        yield Record(
            CAMPAIGNS,
            str(campaign.number),
            at,
            end,
            created,
            at,
            None,
            _json(body),
            _json(related),
        )
    content = {
        "subject": _subject(campaign),
        "preview_text": "Coupons for what you buy",
        "from_email": "offers@example.com",
        "from_label": "Corner Shop",
        "reply_to_email": None,
        "cc_email": None,
        "bcc_email": None,
    }
    message = {
        "definition": {"channel": "email", "label": None, "content": content},
        "send_times": [{"datetime": klaviyo_time(send_time), "is_local": False}],
        "created_at": klaviyo_time(created),
        "updated_at": klaviyo_time(created),
    }
    yield Record(
        MESSAGES,
        message_id,
        created,
        FOREVER,
        created,
        created,
        None,
        _json(message),
        _json({"campaign": ["campaign", str(campaign.number)]}),
    )


def _received(
    data: duckdb.DuckDBPyConnection, sent: dict[int, Campaign]
) -> Iterator[tuple[object, ...]]:
    """Yield a `Received Email` event for each household that got a campaign."""
    for number, household in data.execute(
        "select campaign_id, household_id from campaigns order by all"
    ).fetchall():
        campaign = sent[number]
        opening, closing = BUSINESS_HOURS
        at = campaign.start + between(opening, closing, "received", number, household)
        properties = {
            "Subject": _subject(campaign),
            "Campaign Name": campaign.name,
            "$message": _ulid("message", number),
        }
        yield _event(RECEIVED_EMAIL, household, at, properties, number)


def _redeemed(data: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    """Yield a `Coupon Redeemed` event for each redemption, in shopping hours of its day."""
    for household, coupon, campaign, date in data.execute(
        "select household_id, coupon_upc, campaign_id, redemption_date "
        "from coupon_redemptions order by all"
    ).fetchall():
        at = ms(date) + between(*SHOPPING_HOURS, "redeemed", household, coupon, campaign, date)
        properties = {"coupon_upc": str(coupon), "campaign_id": str(campaign)}
        yield _event(COUPON_REDEEMED, household, at, properties, coupon, campaign, date)


def _event(
    metric: str, household: int, at: int, properties: dict[str, str], *about: object
) -> tuple[object, ...]:
    return (
        _code("event", metric, household, *about, length=11),
        str(UUID(int=draw("uuid", metric, household, *about) << 64 | at, version=1)),
        at,
        at,
        _metric_id(metric),
        _profile_id(household),
        _json(properties),
    )


def _subject(campaign: Campaign) -> str:
    return f"Your {campaign.type[-1]} offers are here"


def _profile_id(household: int) -> str:
    return _ulid("profile", household)


def _metric_id(name: str) -> str:
    return _code("metric", name, length=6)


def _ulid(*about: object) -> str:
    return "01" + _code(*about, length=24, letters="0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def _code(
    *about: object,
    length: int,
    letters: str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789",
) -> str:
    """Return an id such as a vendor would make."""
    number = draw(*about) << 64 | draw("more", *about)
    base = len(letters)
    return "".join(letters[number // base**place % base] for place in range(length))


def _json(value: Iterable[Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
