"""Every version of every record that the look-alike APIs serve: HubSpot's are made here.

Klaviyo's come from `sandbox.mailing`, what the data set lacks from the simulator. The tables are
those of `sandbox.schema`.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import duckdb

from sandbox import leads, mailing, schema, stories
from sandbox.clock import FOREVER, hubspot_time
from sandbox.households import (
    HOUR,
    MINUTE,
    OPENING,
    SECOND,
    Campaign,
    Household,
    campaigns,
    day,
    households,
)
from sandbox.people import draw, person, share
from sandbox.schema import (
    CONTACTS,
    DEMOGRAPHICS,
    OWNERS,
    Association,
    EmailEvent,
    Event,
    ListMember,
    Record,
    Redirect,
    Subscription,
    json_text,
)
from sandbox.simulate.around import Around, Face, Mailing

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
LEAVER = 5  # this owner leaves, and a colleague takes over their contacts
SUCCESSOR = 2
LEFT = day(2017, 9, 29) + 16 * HOUR


def build(path: Path, data: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Write the records and events, and return how many objects and events there are."""
    everybody, sent = households(data), campaigns(data)
    by_number = {household.number: household for household in everybody}
    ties = list(stories.late_ties(set(by_number)))
    received = list(mailing.receptions(data, {campaign.number: campaign for campaign in sent}))
    around = Around(data, map(_face, everybody), map(_mailing, sent), received)
    said = around.said()
    crm = sqlite3.connect(path)
    schema.create(crm)
    records = [
        *_owners(),
        *mailing.metric_records(),
        *(version for campaign in sent for version in mailing.campaign_versions(campaign)),
        *(
            version
            for household in everybody
            for version in _contact(household, said.get(household.number, []))
        ),
        *(version for household in everybody for version in _duplicate(household)),
        *(version for household in everybody for version in mailing.profile_versions(household)),
        *(version for tie in ties for version in _late(tie, by_number[tie.household])),
        *mailing.list_records(),
        *mailing.tag_records(),
        *around.records(),
    ]
    schema.write(crm, Record, records)
    events = sorted(
        [
            *mailing.received_events(received, {campaign.number: campaign for campaign in sent}),
            *mailing.redeemed_events(data),
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
    schema.write(crm, EmailEvent, around.mail_events())
    if len(everybody) >= leads.LEAST:
        leads.write(crm, mailing.metric_names())
    around.close()
    members = [member for household in everybody for member in mailing.memberships(household)]
    schema.write(crm, ListMember, members)
    counts = schema.finish(crm)
    crm.close()
    return counts


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
                "hs_calculated_phone_number": household.person.phone,
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
        "hs_calculated_phone_number": household.person.phone,
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
            CONTACTS,
            contact_id,
            change.at,
            until,
            created,
            modified,
            None,
            json_text(properties),
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
    yield Record(collection, tie.object_id, tie.at, FOREVER, tie.at, tie.at, None, json_text(body))


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
            OWNERS,
            _owner_id(number),
            OPENING,
            FOREVER,
            OPENING,
            OPENING,
            None,
            json_text(body),
        )
        if number != LEAVER:
            yield record
        else:
            yield record._replace(valid_until=LEFT)
            yield record._replace(valid_from=LEFT, modified_at=LEFT, archived_at=LEFT)


def _mailing(campaign: Campaign) -> Mailing:
    """Return a campaign as the simulator takes it."""
    return Mailing(
        campaign.number,
        str(campaign.number),
        mailing.message_id(campaign),
        json_text(mailing.message_facts(campaign))[1:-1],
        campaign.send_time,
    )


def _face(household: Household) -> Face:
    """Return a household as the simulator takes it."""
    owner = _owner_of(household, LEFT)
    return Face(
        household.number,
        household.person.email,
        household.person.language,
        _contact_id(household.number),
        mailing.profile_id(household.number),
        owner,
        _owner_id(owner),
        household.known_since,
        household.in_crm_since,
        household.in_mailing_since,
        household.first_order,
        household.subscribed,
        household.unsubscribed_at,
    )
