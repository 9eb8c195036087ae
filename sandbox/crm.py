"""The records that the look-alike APIs serve: every version of each, with its time.

The tables are those of `sandbox.schema`.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import duckdb

from sandbox import schema, stories
from sandbox.clock import FOREVER, hubspot_time, klaviyo_time
from sandbox.households import (
    BUSINESS_HOURS,
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
from sandbox.people import domain_in_other_case, draw, person, share
from sandbox.schema import (
    CAMPAIGNS,
    CONTACTS,
    DEMOGRAPHICS,
    LISTS,
    MESSAGES,
    METRICS,
    OWNERS,
    PROFILES,
    TAGS,
    Association,
    Event,
    ListMember,
    Record,
    Redirect,
    Subscription,
)

if TYPE_CHECKING:
    from sandbox.simulate.around import Face, Mailing

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
SKILLS = ("negotiation", "advice", "technical", "vietnamese", "persian")
LEAVER = 5  # this owner leaves, and a colleague takes over her contacts
SUCCESSOR = 2
LEFT = day(2017, 9, 29) + 16 * HOUR
RECEIVED_EMAIL = "Received Email"
COUPON_REDEEMED = "Coupon Redeemed"
MAILINGS, TASTINGS = "Coupon mailings", "Tasting evenings"
TAG_NAMES = ("content:price_offer", "topic:offers")


def build(path: Path, data: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write the records and events, and return how many objects and events there are."""
    # Not above: the simulator takes the ids of metrics from here.
    from sandbox.simulate.around import Around

    everybody, sent = households(data), campaigns(data)
    by_number = {household.number: household for household in everybody}
    ties = list(stories.late_ties(set(by_number)))
    received = list(_received_at(data, {campaign.number: campaign for campaign in sent}))
    around = Around(data, map(_face, everybody), map(_mailing, sent), received)
    said = around.said()
    crm = sqlite3.connect(path)
    schema.create(crm)
    records = [
        *_owners(),
        *_metrics(),
        *(version for campaign in sent for version in _campaign(campaign)),
        *(
            version
            for household in everybody
            for version in _contact(household, said.get(household.number, []))
        ),
        *(version for household in everybody for version in _duplicate(household)),
        *(version for household in everybody for version in _profile(household)),
        *(version for tie in ties for version in _late(tie, by_number[tie.household])),
        *_lists(),
        *_tags(),
        *around.records(),
    ]
    schema.write(crm, Record, records)
    events = sorted(
        [
            *_received(received, {campaign.number: campaign for campaign in sent}),
            *_redeemed(data),
            *around.events(),
        ],
        key=lambda event: (event[2], event[0]),
    )
    schema.write(crm, Event, events)
    merges = [redirect for household in everybody for redirect in _merge(household)]
    schema.write(crm, Redirect, merges)
    schema.write(crm, Association, [tie.association(_contact_id(tie.household)) for tie in ties])
    schema.write(crm, Association, around.associations())
    schema.write(crm, Subscription, around.subscriptions())
    around.close()
    members = [member for household in everybody for member in _membership(household)]
    schema.write(crm, ListMember, members)
    counts = schema.finish(crm)
    crm.close()
    return counts


# HubSpot ------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """New values of a contact's properties; a silent change moves no modified date."""

    at: int
    values: Mapping[str, str | None]
    is_silent: bool = False


def _contact(
    household: Household, said: Iterable[tuple[int, Mapping[str, str | None]]]
) -> Iterator[Record]:
    """Yield the versions of a household's contact, with what it said about itself."""
    first_name, last_name = household.person.name_in_crm
    changes = [
        Change(
            household.in_crm_since,
            {
                "email": _first_address(household),
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
        Change(household.first_order + 10 * MINUTE, {"lifecyclestage": "customer"}),
    ]
    changes += [Change(at, values) for at, values in said]
    if household.described_at:
        changes.append(Change(household.described_at, household.demographics or {}))
    if household.moved_mail_at:
        moved = household.moved_mail_at + 20 * MINUTE
        changes.append(Change(moved, {"email": household.person.second_email}))
    if household.number in (stories.MISTYPED, stories.ADDRESS_OF):
        put_right = stories.CORRECTED + (6 * MINUTE if household.number_in_crm else 0)
        changes.append(Change(put_right, {"email": household.person.email}))
    if _owner_of(household, household.in_crm_since) == LEAVER:
        handed_over = LEFT + 16 * HOUR + household.number * SECOND
        changes.append(Change(handed_over, {"hubspot_owner_id": _owner_id(SUCCESSOR)}))
    for redirect in _merge(household):
        eaten = {
            "hs_merged_object_ids": redirect.id,
            "hs_calculated_merged_vids": f"{redirect.id}:{redirect.valid_from}",
        }
        changes.append(Change(redirect.valid_from, eaten, is_silent=True))
    gone_at = stories.FORGOTTEN.get(household.number)
    yield from _contact_versions(_contact_id(household.number), changes, gone_at=gone_at)


def _first_address(household: Household) -> str | None:
    """Return the address that the CRM was first given."""
    if household.number == stories.ADDRESS_OF:
        return None
    number = stories.ADDRESS_OF if household.number == stories.MISTYPED else household.number
    return person(number).email


def _second_id(household: Household) -> str:
    return _contact_id(household.number + 50_000)


def _merge(household: Household) -> Iterator[Redirect]:
    """Yield how a household's second contact became its first, if it did."""
    second = stories.second_contact(household)
    if second and second.is_merged and second.gone_at:
        first_id = _contact_id(household.number)
        yield Redirect(CONTACTS, _second_id(household), first_id, second.gone_at)


def _duplicate(household: Household) -> Iterator[Record]:
    """Yield the versions of the second contact that somebody once made for a few households."""
    second = stories.second_contact(household)
    if second is None:
        return
    first_name, last_name = household.person.name_in_crm
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
    yield from _contact_versions(
        _second_id(household),
        [Change(second.created, values)],
        second.archived_at,
        second.gone_at,
    )


def _contact_versions(
    contact_id: str,
    changes: list[Change],
    archived_at: int | None = None,
    gone_at: int | None = None,
) -> Iterator[Record]:
    """Yield one version per change, and one more when the contact is archived.

    Nothing follows once it is gone for good, and an archived contact keeps its modified date.
    """
    changes.sort(key=lambda change: change.at)
    created = modified = changes[0].at
    end = archived_at or gone_at or FOREVER
    properties: dict[str, str | None] = {}
    happened = [change for change in changes if change.at < end]
    for change, until in zip(happened, [*(each.at for each in happened[1:]), end], strict=True):
        modified = modified if change.is_silent else change.at
        properties = {
            **properties,
            **change.values,
            "createdate": hubspot_time(created),
            "lastmodifieddate": hubspot_time(modified),
            "hs_object_id": contact_id,
        }
        version = Record(
            CONTACTS, contact_id, change.at, until, created, modified, None, _json(properties)
        )
        yield version
    if archived_at:
        yield version._replace(
            valid_from=archived_at, valid_until=gone_at or FOREVER, archived_at=archived_at
        )


def _late(tie: stories.LateTie, household: Household) -> Iterator[Record]:
    """Yield the note or call that was tied to its contact late; the tie moves no date of it."""
    stamp = hubspot_time(tie.at)
    body = {
        "createdate": stamp,
        "hs_lastmodifieddate": stamp,
        "hs_object_id": tie.object_id,
        "hs_timestamp": stamp,
        "hubspot_owner_id": _owner_id(_owner_of(household, tie.at)),
        **dict(tie.values),
    }
    collection = f"hubspot/{tie.object_type}"
    yield Record(collection, tie.object_id, tie.at, FOREVER, tie.at, tie.at, None, _json(body))


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
            "teams": [
                {"id": "901", "name": "Customer care", "primary": True},
                *(
                    {"id": str(910 + i), "name": f"skill:{skill}", "primary": False}
                    for i, skill in enumerate(SKILLS)
                    if i == number % len(SKILLS) or share("skill", number, skill) < 0.15
                ),
            ],
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
    created = updated = household.in_mailing_since
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
        yield Record(PROFILES, profile_id, at, end, created, updated, None, _json(attributes))


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


def _lists() -> Iterator[Record]:
    """Yield the list that gets the campaigns, and one that nobody ever joined."""
    stamp = klaviyo_time(OPENING)
    for name in (MAILINGS, TASTINGS):
        body = {"name": name, "created": stamp, "updated": stamp, "opt_in_process": "single_opt_in"}
        yield Record(LISTS, _list_id(name), OPENING, FOREVER, OPENING, OPENING, None, _json(body))


def _membership(household: Household) -> Iterator[ListMember]:
    """Yield that a household joined the mailings; half of those who unsubscribed are still there.

    Being on a list is no consent.
    """
    if not household.subscribed:
        return
    joined, left = household.in_mailing_since, household.unsubscribed_at
    stays = left is None or share("off the list", household.number) < 0.5
    yield ListMember(
        _list_id(MAILINGS),
        _profile_id(household.number),
        joined,
        joined,
        FOREVER if stays or left is None else left,
    )


def _list_id(name: str) -> str:
    return _code("list", name, length=6)


def _tags() -> Iterator[Record]:
    """Yield what the campaigns are about: all of them sent coupons."""
    for name in TAG_NAMES:
        yield Record(
            TAGS, _tag_id(name), OPENING, FOREVER, OPENING, OPENING, None, _json({"name": name})
        )


def _tag_id(name: str) -> str:
    return str(UUID(int=draw("tag", name) << 64 | draw("more", name), version=4))


def _metrics() -> Iterator[Record]:
    """Yield the kinds of event there are; the first two are real."""
    from sandbox.simulate import around

    own = {"object": "integration", "name": "Klaviyo", "category": "Internal"}
    for name, integration in (
        (RECEIVED_EMAIL, own),
        (COUPON_REDEEMED, {"object": "integration", "name": "API", "category": "API"}),
        *((name, own) for name in sorted(around.METRICS)),
    ):
        stamp = klaviyo_time(OPENING)
        body = {
            "name": name,
            "created": stamp,
            "updated": stamp,
            "integration": {"id": _code("integration", name, length=5), **integration},
        }
        yield Record(
            METRICS, metric_id(name), OPENING, FOREVER, OPENING, OPENING, None, _json(body)
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
            "campaign-messages": ["campaign-message", [message_id]],
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


def _received_at(
    data: duckdb.DuckDBPyConnection, sent: dict[int, Campaign]
) -> Iterator[tuple[int, int, int]]:
    """Yield campaign, household and instant of each message."""
    for number, household in data.execute(
        "select campaign_id, household_id from campaigns order by all"
    ).fetchall():
        at = sent[number].start + between(*BUSINESS_HOURS, "received", number, household)
        yield number, household, at


def _received(
    received: Iterable[tuple[int, int, int]], sent: dict[int, Campaign]
) -> Iterator[tuple[object, ...]]:
    """Yield a `Received Email` event for each household that got a campaign."""
    for number, household, at in received:
        yield _event(RECEIVED_EMAIL, household, at, _about(sent[number]), number)


def _about(campaign: Campaign) -> dict[str, str]:
    """Return what every event of a campaign's messages tells about it."""
    return {
        "Subject": _subject(campaign),
        "Campaign Name": campaign.name,
        "$message": _ulid("message", campaign.number),
    }


def _mailing(campaign: Campaign) -> "Mailing":
    """Return a campaign as the simulator takes it."""
    from sandbox.simulate.around import Mailing

    return Mailing(
        campaign.number,
        str(campaign.number),
        _ulid("message", campaign.number),
        _json(_about(campaign))[1:-1],
        campaign.send_time,
    )


def _face(household: Household) -> "Face":
    """Return a household as the simulator takes it."""
    from sandbox.simulate.around import Face

    owner = _owner_of(household, LEFT)
    return Face(
        household.number,
        household.person.email,
        household.person.language,
        _contact_id(household.number),
        _profile_id(household.number),
        owner,
        _owner_id(owner),
        household.known_since,
        household.in_crm_since,
        household.in_mailing_since,
        household.first_order,
        household.subscribed,
        household.unsubscribed_at,
    )


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
        metric_id(metric),
        _profile_id(household),
        _json(properties),
    )


def _subject(campaign: Campaign) -> str:
    return f"Your {campaign.type[-1]} offers are here"


def _profile_id(household: int) -> str:
    return _ulid("profile", household)


def metric_id(name: str) -> str:
    """Return the id of the metric of a name."""
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
