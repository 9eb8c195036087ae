"""What the Klaviyo look-alike serves: profiles, lists, campaigns, messages and events."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import duckdb

from sandbox import stories
from sandbox.clock import FOREVER, klaviyo_time
from sandbox.households import (
    BUSINESS_HOURS,
    MINUTE,
    OPENING,
    SHOPPING_HOURS,
    Campaign,
    Household,
    between,
    ms,
)
from sandbox.ids import code, ulid
from sandbox.metrics import OWN, metric_id, metric_record
from sandbox.people import domain_in_other_case, draw, share
from sandbox.schema import (
    CAMPAIGNS,
    LISTS,
    MESSAGES,
    PROFILES,
    TAGS,
    ListMember,
    Record,
    json_text,
)
from sandbox.simulate import around

RECEIVED_EMAIL = "Received Email"
COUPON_REDEEMED = "Coupon Redeemed"
MAILINGS, TASTINGS = "Coupon mailings", "Tasting evenings"
TAG_NAMES = ("content:price_offer", "topic:offers")


def profile_versions(household: Household) -> Iterator[Record]:
    """Yield the versions of a household's profile: made, moved mail, unsubscribed."""
    created = updated = household.in_mailing_since
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
    bounced = stories.bounced_at(household)
    if bounced:
        moments.setdefault(bounced, {})
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
        updated = updated if at == bounced else at  # a suppression does not count as an update
        attributes["updated"] = klaviyo_time(updated)
        attributes["subscriptions"] = _subscriptions(household, at)
        yield Record(
            PROFILES,
            profile_id(household.number),
            at,
            end,
            created,
            updated,
            None,
            json_text(attributes),
        )


def _subscriptions(household: Household, at: int) -> dict[str, Any]:
    """Return the consent of a profile at an instant: to e-mail, and to nothing else."""
    left = household.unsubscribed_at
    is_out = left is not None and at >= left
    since = left if is_out else household.in_mailing_since if household.subscribed else None
    consent = "UNSUBSCRIBED" if is_out else "SUBSCRIBED" if household.subscribed else None
    stamp = klaviyo_time(since) if since else None
    suppression = [{"reason": "UNSUBSCRIBE", "timestamp": stamp}] if is_out else []
    bounced = stories.bounced_at(household)
    if bounced is not None and at >= bounced:
        suppression.append({"reason": "HARD_BOUNCE", "timestamp": klaviyo_time(bounced)})
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": not suppression,
                "consent": consent or "NEVER_SUBSCRIBED",
                "consent_timestamp": stamp,
                "last_updated": stamp,
                "method": "PREFERENCE_PAGE" if is_out else "FORM" if consent else None,
                "method_detail": "",
                "custom_method_detail": None,
                "double_optin": bool(consent),
                "suppression": suppression,
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


def list_records() -> Iterator[Record]:
    """Yield the list that gets the campaigns, and one that nobody ever joined."""
    stamp = klaviyo_time(OPENING)
    for name in (MAILINGS, TASTINGS):
        body = {"name": name, "created": stamp, "updated": stamp, "opt_in_process": "single_opt_in"}
        yield Record(
            LISTS, _list_id(name), OPENING, FOREVER, OPENING, OPENING, None, json_text(body)
        )


def memberships(household: Household) -> Iterator[ListMember]:
    """Yield that a household joined the mailings; half of those who unsubscribed are still there.

    Being on a list is no consent.
    """
    if not household.subscribed:
        return
    joined, left = household.in_mailing_since, household.unsubscribed_at
    stays = left is None or share("off the list", household.number) < 0.5
    yield ListMember(
        _list_id(MAILINGS),
        profile_id(household.number),
        joined,
        joined,
        FOREVER if stays or left is None else left,
    )


def _list_id(name: str) -> str:
    return code("list", name, length=6)


def tag_records() -> Iterator[Record]:
    """Yield what the campaigns are about: all of them sent coupons."""
    for name in TAG_NAMES:
        yield Record(
            TAGS, _tag_id(name), OPENING, FOREVER, OPENING, OPENING, None, json_text({"name": name})
        )


def _tag_id(name: str) -> str:
    return str(UUID(int=draw("tag", name) << 64 | draw("more", name), version=4))


def metric_records() -> Iterator[Record]:
    """Yield the kinds of event there are; the first two are real."""
    api = {"object": "integration", "name": "API", "category": "API"}
    for name in metric_names():
        yield metric_record(name, api if name == COUPON_REDEEMED else OWN)


def metric_names() -> list[str]:
    """Return the names of the kinds of event there are."""
    return [RECEIVED_EMAIL, COUPON_REDEEMED, *sorted(around.METRICS)]


def campaign_versions(campaign: Campaign) -> Iterator[Record]:
    """Yield a campaign as draft, scheduled and sent, and its one message."""
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
            "audiences": {"included": [_list_id(MAILINGS)], "excluded": []},
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
        related = {
            "campaign-messages": ["campaign-message", [message_id(campaign)]],
            "tags": ["tag", [_tag_id(name) for name in TAG_NAMES]],
        }
        yield Record(
            CAMPAIGNS,
            str(campaign.number),
            at,
            end,
            created,
            at,
            None,
            json_text(body),
            json_text(related),
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
        message_id(campaign),
        created,
        FOREVER,
        created,
        created,
        None,
        json_text(message),
        json_text({"campaign": ["campaign", str(campaign.number)]}),
    )


def receptions(
    data: duckdb.DuckDBPyConnection, sent: dict[int, Campaign]
) -> Iterator[tuple[int, int, int]]:
    """Yield campaign, household and instant of each message."""
    for number, household in data.execute(
        "select campaign_id, household_id from campaigns order by all"
    ).fetchall():
        at = sent[number].start + between(*BUSINESS_HOURS, "received", number, household)
        yield number, household, at


def received_events(
    received: Iterable[tuple[int, int, int]], sent: dict[int, Campaign]
) -> Iterator[tuple[object, ...]]:
    """Yield a `Received Email` event for each household that got a campaign."""
    for number, household, at in received:
        yield _event(RECEIVED_EMAIL, household, at, message_facts(sent[number]), number)


def message_facts(campaign: Campaign) -> dict[str, str]:
    """Return what every event of a campaign's messages tells about it."""
    return {
        "Subject": _subject(campaign),
        "Campaign Name": campaign.name,
        "$message": message_id(campaign),
    }


def redemptions(data: duckdb.DuckDBPyConnection) -> Iterator[tuple[int, int, int]]:
    """Yield campaign, household and instant of each redemption."""
    for campaign, household, _, _, at in _redemptions(data):
        yield campaign, household, at


def _redemptions(
    data: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[int, int, int, datetime, int]]:
    for household, coupon, campaign, date in data.execute(
        "select household_id, coupon_upc, campaign_id, redemption_date "
        "from coupon_redemptions order by all"
    ).fetchall():
        at = ms(date) + between(*SHOPPING_HOURS, "redeemed", household, coupon, campaign, date)
        yield campaign, household, coupon, date, at


def redeemed_events(data: duckdb.DuckDBPyConnection) -> Iterator[tuple[object, ...]]:
    """Yield a `Coupon Redeemed` event for each redemption, in shopping hours of its day."""
    for campaign, household, coupon, date, at in _redemptions(data):
        properties = {"coupon_upc": str(coupon), "campaign_id": str(campaign)}
        yield _event(COUPON_REDEEMED, household, at, properties, coupon, campaign, date)


def _event(
    metric: str, household: int, at: int, properties: dict[str, str], *about: object
) -> tuple[object, ...]:
    return (
        code("event", metric, household, *about, length=11),
        str(UUID(int=draw("uuid", metric, household, *about) << 64 | at, version=1)),
        at,
        at,
        metric_id(metric),
        profile_id(household),
        json_text(properties),
    )


def _subject(campaign: Campaign) -> str:
    return f"Your {campaign.type[-1]} offers are here"


def profile_id(household: int) -> str:
    """Return the id of a household's profile."""
    return ulid("profile", household)


def message_id(campaign: Campaign) -> str:
    """Return the id of a campaign's one message."""
    return ulid("message", campaign.number)
