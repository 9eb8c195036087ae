"""Seventy people whom a CRM and a mailing tool hold beside clean customers; most never bought.

Every larger company has them, the real one and the simulated ones, with the same ids: people with
further addresses, one mailbox for two, zones and countries in the CRM's spelling, preferences that
nobody can read, numbers that are none, telephones from before a renumbering, opt-outs on other
channels, records merged in every way, metrics of older names. Each group is a function below, and
`Book.permissions` and `Book.said` say what is true of them.

They get no campaign, and none but the last five has an account in the shop (`sandbox.trade`), so
what the customers did stays as it is.
Names are those that `sandbox.people` makes up; mail domains are reserved (RFC 2606). Telephones
come from the ranges kept for fiction in France (01 99 00 xx xx) and Australia (0491 57x xxx).
Vietnam keeps none, and its renumbering cannot be shown with numbers of other countries: those here
have nothing but zeros and a one for a subscriber.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any

from sandbox import schema, trade
from sandbox.changes import merged_body, merged_record
from sandbox.clock import FOREVER, hubspot_time, klaviyo_time
from sandbox.households import DAY, HOUR, MINUTE, day
from sandbox.ids import code, ulid
from sandbox.metrics import metric_id, metric_record
from sandbox.people import LOCALES, Person, draw, person
from sandbox.schema import (
    ASSOCIATION_TYPES,
    CONTACTS,
    LISTS,
    OBJECT_TYPES,
    PROFILES,
    PROPERTIES,
    SUBSCRIPTION_DEFINITIONS,
    Association,
    Event,
    ListMember,
    Record,
    Redirect,
    Subscription,
    json_text,
)

LEAST = 2_000  # customers of a company that has leads; smaller ones are for tests
FIRST_PERSON = 2_500  # numbers above those of the households
COMPANIES, DEALS, CALLS = "hubspot/companies", "hubspot/deals", "hubspot/calls"
SMS_TYPE, WHATSAPP_TYPE = "92000001", "92000002"
READERS = "LeAd01"  # a list of Klaviyo's
STARTED = day(2017, 10, 2) + 9 * HOUR
ZONES = (
    # zone in the CRM's spelling, country as entered, its code where the CRM knows it
    ("america_slash_new_york", "United States", "US"),
    ("us_slash_eastern", "USA", None),
    ("europe_slash_berlin", "Deutschland", "DE"),
    ("asia_slash_ho_chi_minh", "Vietnam", None),
    ("asia_slash_saigon", "Việt Nam", "VN"),
    ("asia_slash_tehran", "Iran", None),
    ("asia_slash_tehran", "ایران", "IR"),
    ("america_slash_port_hyphen_au_hyphen_prince", "Haïti", "HT"),
    ("america_slash_argentina_slash_buenos_aires", "Argentina", None),
)
UNREADABLE = (
    # property, what was entered, what was meant (None: nobody can tell)
    ("max_marketing_messages_30d", "about ten", "10"),
    ("max_marketing_messages_30d", "2 per week", "8"),
    ("marketing_pause_until", "31/12/2018", "2018-12-31"),
    ("marketing_pause_until", "1405/12/29", "2027-03-20"),
    ("allowed_hours", "9am-5pm", "09-17"),
    ("allowed_hours", "8:30-12:00", "08:30-12:00"),
    ("allowed_hours", "mornings", None),
    ("allowed_weekdays", "mon-fri", "mon;tue;wed;thu;fri"),
    ("allowed_weekdays", "weekends please", "sat;sun"),
)


@dataclass
class Book:
    """Everything about the leads, as the tables of `sandbox.schema` hold it, and the truth.

    Attributes:
        owners: (source, record id) -> whose it is (``L0001``) and what is odd about it.
        permissions: (person, channel) -> whether they may be written to there, and why.
        said: person, property, text as entered, meaning or None.
        shop: rows of the shop's tables.
    """

    records: list[Record] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    redirects: list[Redirect] = field(default_factory=list)
    associations: list[Association] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)
    members: list[ListMember] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    owners: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    permissions: dict[tuple[str, str], tuple[bool, str]] = field(default_factory=dict)
    said: list[tuple[str, str, str, str | None]] = field(default_factory=list)
    shop: dict[str, list[tuple[object, ...]]] = field(default_factory=dict)


@dataclass
class Lead:
    """One person, and the hand that writes their records.

    Attributes:
        number: 1, 2, ...
        book: where to.
        story: what is odd about them, for the truth.
    """

    number: int
    book: Book
    story: str
    _made: int = 0

    @property
    def id(self) -> str:
        """The person, in the truth."""
        return f"L{self.number:04d}"

    @property
    def face(self) -> Person:
        """Name and language."""
        return person(FIRST_PERSON + self.number)

    @property
    def since(self) -> int:
        """When the CRM and the mailing tool got to know them."""
        return STARTED + self.number * (DAY + 7 * MINUTE)

    @property
    def phone(self) -> str:
        """A French number of the range for fiction; `typed` is how people write it."""
        return f"+331990000{self.number:02d}"

    @property
    def typed(self) -> str:
        """The number as people write it in France."""
        return f"01 99 00 00 {self.number:02d}"

    def mail(self, kind: str = "") -> str:
        """Return an address of theirs; there are as many as kinds."""
        local, domain = self.face.email.split("@")
        return f"lead.{local}{kind and '.' + kind}@{domain}"

    def contact(
        self,
        values: Mapping[str, str | None] | None = None,
        *later: tuple[int, Mapping[str, str | None]],
        ends: int = FOREVER,
        created: int | None = None,
    ) -> Record:
        """Add a contact and return its last version.

        Args:
            values: what differs from a plain contact.
            later: instants with what changes then.
            ends: when it is merged.
            created: its create date, where that is not when it was made.
        """
        plain = {
            "email": self.mail(),
            "firstname": self.face.first_name,
            "lastname": self.face.last_name,
            "phone": self.typed,
            "hs_calculated_phone_number": self.phone,
            "hs_language": self.face.language,
            "country": "France",
            "lifecyclestage": "lead",
        }
        made = self.since + self._next() * MINUTE
        contact_id = str(39_000_000_000 + self.number * 100 + self._made)
        return self._versions(
            CONTACTS, contact_id, [(made, {**plain, **(values or {})}), *later], ends, created
        )

    def profile(
        self,
        email: str | None,
        *later: tuple[int, Mapping[str, Any]],
        ends: int = FOREVER,
        **values: Any,
    ) -> str:
        """Add a profile of the mailing tool and return its id; `later` as in `contact`."""
        made = self.since + self._next() * MINUTE
        plain = {
            "email": email,
            "phone_number": None,
            "external_id": None,
            "first_name": self.face.first_name,
            "last_name": self.face.last_name,
            "organization": None,
            "locale": LOCALES[self.face.language][1],
            "title": None,
            "image": None,
            "created": klaviyo_time(made),
            "updated": None,
            "last_event_date": None,
            "location": {},
            "properties": {},
            "subscriptions": subscriptions(self.since if email else None),
        }
        profile_id = ulid("lead", self.number, self._made)
        changes = [(made, {**plain, **values}), *later]
        body: dict[str, Any] = {}
        for (at, new), (until, _) in pairwise([*changes, (ends, {})]):
            body = {**body, **new, "updated": klaviyo_time(at)}
            self.book.records.append(
                Record(PROFILES, profile_id, at, until, made, at, None, json_text(body))
            )
        self._own("klaviyo", profile_id)
        return profile_id

    def event(self, metric: str, profile_id: str, at: int, **properties: Any) -> None:
        """Add an event of a profile."""
        about = ("lead event", metric, profile_id, at)
        self.book.metrics.add(metric)
        self.book.events.append(
            Event(
                code(*about, length=11),
                f"{draw(*about) & 0xFFFFFFFF:08x}-0000-1000-8000-{draw(*about) >> 16:012x}",
                at,
                at,
                metric_id(metric),
                profile_id,
                json_text(properties),
            )
        )

    def state(
        self, email: str, channel: str, subscription_id: str, status: str, at: int | None = None
    ) -> None:
        """Let an address say something to the CRM."""
        said = at or self.since + DAY
        body = json_text({"source": "PREFERENCE_CENTER"})
        self.book.subscriptions.append(
            Subscription(email, channel, subscription_id, status, said, body, said, FOREVER)
        )

    def allows(self, channel: str, is_allowed: bool, why: str) -> None:
        """Say what is true of them."""
        self.book.permissions[self.id, channel] = is_allowed, why

    def tie(
        self, start: tuple[str, str], end: tuple[str, str], since: int, until: int = FOREVER
    ) -> None:
        """Tie two objects of the CRM."""
        type_id = ASSOCIATION_TYPES[start[0], end[0]]
        self.book.associations.append(Association(*start, *end, type_id, None, since, until))

    def call(self, contact_id: str, at: int, moved: tuple[int, str] | None = None) -> None:
        """Add a call with a contact; when that is merged, the tie goes over."""
        call_id = str(2_999_999_999_000_000 + self.number * 100 + self._next())
        values = {
            "hs_timestamp": hubspot_time(at),
            "hs_call_direction": "INBOUND",
            "hs_call_status": "COMPLETED",
            "hs_call_duration": "240000",
        }
        self._versions(CALLS, call_id, [(at, values)])
        if moved is None:
            self.tie(("calls", call_id), ("contacts", contact_id), at)
            return
        self.tie(("calls", call_id), ("contacts", contact_id), at, moved[0])
        self.tie(("calls", call_id), ("contacts", moved[1]), moved[0])

    def thing(
        self, collection: str, object_id: str, values: Mapping[str, str | None], ends: int = FOREVER
    ) -> Record:
        """Add a company or a deal."""
        made = self.since + self._next() * MINUTE
        return self._versions(collection, object_id, [(made, values)], ends)

    def merge(self, primary: Record, other: Record, new_id: str, at: int) -> Record:
        """Merge two records into a new one, and return it; both must end then."""
        made = merged_record(primary, other, new_id, at)
        self.book.records.append(made)
        for gone in (primary, other):
            self.book.redirects.append(Redirect(primary.collection, gone.id, new_id, at))
        self._own("hubspot", new_id)
        return made

    def merge_into(self, survivor: Record, other: Record, at: int) -> None:
        """Merge a record into one that keeps its id and its modified date."""
        bodies = json_of(survivor), json_of(other)
        eaten = merged_body(*bodies, survivor.collection, other.id, at)
        self.book.records.append(
            survivor._replace(valid_from=at, valid_until=FOREVER, body=json_text(eaten))
        )
        self.book.redirects.append(Redirect(survivor.collection, other.id, survivor.id, at))

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _own(self, source: str, record_id: str) -> None:
        self.book.owners[source, record_id] = self.id, self.story

    def _versions(
        self,
        collection: str,
        record_id: str,
        changes: Iterable[tuple[int, Mapping[str, str | None]]],
        ends: int = FOREVER,
        created: int | None = None,
    ) -> Record:
        steps = list(changes)
        made = steps[0][0] if created is None else created
        body: dict[str, str | None] = dict.fromkeys(PROPERTIES[collection])
        for (at, new), (until, _) in pairwise([*steps, (ends, {})]):
            modified = OBJECT_TYPES[collection.split("/")[1]]
            body = {
                **body,
                **new,
                "createdate": hubspot_time(made),
                modified: hubspot_time(at),
                "hs_object_id": record_id,
            }
            version = Record(collection, record_id, at, until, made, at, None, json_text(body))
            self.book.records.append(version)
        if collection == CONTACTS:
            self._own("hubspot", record_id)
        return version


def json_of(record: Record) -> dict[str, Any]:
    """Return a record's properties."""
    body: dict[str, Any] = json.loads(record.body)
    return body


def subscriptions(
    since: int | None,
    *,
    left: int | None = None,
    reason: str = "UNSUBSCRIBE",
    double_optin: bool | None = None,
    sms: str = "NEVER_SUBSCRIBED",
    sms_at: int | None = None,
) -> dict[str, Any]:
    """Return a profile's consent as Klaviyo shows it.

    Args:
        since: when they subscribed to e-mail, if they did.
        left: when they were suppressed.
        reason: why; a bounce is no word of theirs and leaves the consent as it was.
        double_optin: whether they confirmed; Klaviyo has null where it does not know.
        sms: consent to SMS.
        sms_at: when that was given or taken.
    """
    is_out = left is not None and reason == "UNSUBSCRIBE"
    at = left if is_out else since
    stamp = klaviyo_time(at) if at else None
    suppression = [{"reason": reason, "timestamp": klaviyo_time(left)}] if left else []
    consent = "UNSUBSCRIBED" if is_out else "SUBSCRIBED" if since else "NEVER_SUBSCRIBED"
    sms_stamp = klaviyo_time(sms_at) if sms_at else None
    return {
        "email": {
            "marketing": {
                "can_receive_email_marketing": not suppression,
                "consent": consent,
                "consent_timestamp": stamp,
                "last_updated": stamp,
                "method": "PREFERENCE_PAGE" if is_out else "FORM" if since else None,
                "method_detail": "",
                "custom_method_detail": None,
                "double_optin": double_optin,
                "suppression": suppression,
                "list_suppressions": [],
            }
        },
        "sms": {
            "marketing": {
                "can_receive_sms_marketing": sms == "SUBSCRIBED",
                "consent": sms,
                "consent_timestamp": sms_stamp,
                "method": "TEXT" if sms_at else None,
                "method_detail": "",
                "last_updated": sms_stamp,
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


# The groups -----------------------------------------------------------------------------------


def _second_addresses(lead: Lead, place: int) -> None:
    """Four with further addresses: two are known to the mailing tool by one, two left with one."""
    further = [lead.mail("private")] + ([lead.mail("work")] if place % 2 else [])
    lead.contact({"hs_additional_emails": ";".join(further)})
    if place < 2:
        lead.profile(further[-1])
        lead.allows("email", True, "subscribed with a further address")
        return
    lead.state(lead.mail(), "EMAIL", "*", "SUBSCRIBED")
    lead.state(further[0], "EMAIL", "*", "UNSUBSCRIBED", lead.since + 30 * DAY)
    lead.allows("email", False, "left with a further address")


def _shared_mailboxes(one: Lead, other: Lead) -> None:
    """Two of a household with one address: two contacts, and a profile under one of the names."""
    mail = one.mail("family")
    one.contact({"email": mail})
    other.contact({"email": mail, "lastname": one.face.last_name})
    one.profile(mail, phone_number=one.phone)
    one.allows("email", True, "subscribed")


def _role_address(one: Lead, other: Lead) -> None:
    """Two who work for a firm, and are reached under its role address."""
    mail, firm = "info@firm-of-leads.example", "49000000001"
    values = {"name": "Lantern Catering 9001", "domain": "firm-of-leads.example"}
    made = one.thing(COMPANIES, firm, {**values, "country": "France", "lifecyclestage": "lead"})
    for lead in (one, other):
        contact = lead.contact(
            {"email": mail, "company": values["name"], "associatedcompanyid": firm}
        )
        lead.tie(("contacts", contact.id), ("companies", firm), made.valid_from + HOUR)


def _zones(lead: Lead, place: int) -> None:
    """Nine zones and countries as people and the CRM spell them."""
    zone, country, region = ZONES[place]
    lead.contact({"hs_timezone": zone, "country": country, "hs_country_region_code": region})


def _unreadable(lead: Lead, place: int) -> None:
    """Nine preferences that were typed into a field of text."""
    name, text, meaning = UNREADABLE[place]
    stamp = hubspot_time(lead.since + HOUR)
    lead.contact({}, (lead.since + HOUR, {name: text, "preferences_updated_at": stamp}))
    lead.book.said.append((lead.id, name, text, meaning))
    lead.profile(lead.mail())
    lead.allows("email", True, "subscribed")


def _created_in_1970(lead: Lead) -> None:
    """One whose create date an import lost."""
    lead.contact(created=0)


def _no_values(lead: Lead, place: int) -> None:
    """Six in whose fields stands that there is nothing: none of it says who they are."""
    number = ("N/A", "N/A", "0", "0", "none", "-")[place]
    phone = ("000", "0000000000", "000", "n/a", "0", "000")[place]
    mail = ("none@example.com", None, "none@example.org", None, "noreply@example.com", None)[place]
    values = {"shop_customer_number": number, "phone": phone, "email": mail}
    lead.contact({**values, "hs_calculated_phone_number": None})
    if place == 1:  # the first one's "address", and the third one's "number"
        lead.profile("none@example.com", external_id="0")


def _merged_profiles(lead: Lead, place: int) -> None:
    """Three whose profiles were merged, the last one twice; their events went along."""
    moments = (day(2017, 11, 20) + 15 * HOUR, day(2017, 12, 31) + 15 * HOUR)
    at, later = moments[place > 0], day(2018, 1, 1) + 11 * HOUR
    survivor = lead.profile(lead.mail(), phone_number=lead.phone)
    gone = lead.profile(lead.mail("private"), ends=at)
    before = [(gone, at - 15 * DAY), (gone, at - DAY), (survivor, at - 3 * DAY)]
    if place == 2:
        last = survivor
        survivor = lead.profile(lead.mail("work"), ends=later)
        before += [(survivor, at - 2 * HOUR)]
        lead.book.redirects.append(Redirect(PROFILES, survivor, last, later))
    lead.book.redirects.append(Redirect(PROFILES, gone, survivor, at))
    for profile_id, moment in before:
        lead.event("Active on Site", profile_id, moment, url="https://shop.example/")
    lead.contact()
    lead.allows("email", True, "subscribed")


def _merged_into_one_of_two(lead: Lead) -> None:
    """The older way: one contact stays, under its id and with its modified date."""
    at = day(2017, 12, 30) + 10 * HOUR
    stays = lead.contact(ends=at)
    gone = lead.contact({"email": lead.mail("private"), "phone": None}, ends=at)
    lead.merge_into(stays, gone, at)
    lead.call(gone.id, at - 9 * DAY, (at, stays.id))


def _merged_into_a_new_one(lead: Lead, place: int) -> None:
    """The way contacts merge now: a new one, which names both; what was theirs is its own."""
    at = (day(2017, 12, 29), day(2017, 12, 31))[place] + 14 * HOUR
    one = lead.contact(ends=at)
    other = lead.contact({"email": lead.mail("private"), "lifecyclestage": "customer"}, ends=at)
    made = lead.merge(one, other, str(39_100_000_000 + lead.number * 10), at)
    lead.call(other.id, at - 30 * DAY, (at, made.id))
    lead.profile(lead.mail("private"))
    lead.allows("email", True, "subscribed")


def _merged_twice(lead: Lead) -> None:
    """A chain: two became one, and that one with a third another."""
    first, second = day(2017, 12, 28) + 9 * HOUR, day(2018, 1, 1) + 16 * HOUR
    one = lead.contact(ends=first)
    other = lead.contact({"email": lead.mail("private")}, ends=first)
    third = lead.contact({"email": lead.mail("work")}, ends=second)
    between = lead.merge(one, other, str(39_100_000_000 + lead.number * 10), first)
    lead.book.records[-1] = between._replace(valid_until=second)
    made = lead.merge(between, third, str(39_100_000_001 + lead.number * 10), second)
    lead.call(third.id, second - 20 * DAY, (second, made.id))


def _merged_deals(lead: Lead) -> None:
    """Two deals merged: one keeps its id."""
    at, contact = day(2017, 12, 30) + 17 * HOUR, lead.contact()
    values = {
        "dealname": "Deal of a lead",
        "pipeline": "default",
        "dealstage": "qualifiedtobuy",
        "amount": "250",
        "deal_currency_code": "USD",
        "hs_is_closed": "false",
        "hs_is_closed_won": "false",
    }
    stays, gone = (lead.thing(DEALS, f"6900000000000{n}", values, ends=at) for n in (1, 2))
    lead.merge_into(stays, gone, at)
    lead.tie(("deals", stays.id), ("contacts", contact.id), stays.valid_from + HOUR)
    lead.tie(("deals", gone.id), ("contacts", contact.id), gone.valid_from + HOUR, at)


def _merged_companies(lead: Lead) -> None:
    """Two companies became a new one."""
    at = day(2017, 12, 30) + 12 * HOUR
    values = {"domain": "twice.example", "country": "France", "lifecyclestage": "lead"}
    one, other = (
        lead.thing(COMPANIES, f"4900000000{n}", {**values, "name": f"Twice {n}"}, ends=at)
        for n in (2, 3)
    )
    made = lead.merge(one, other, "49000000004", at)
    del lead.book.owners["hubspot", made.id]  # a firm is nobody
    contact = lead.contact({}, (at + HOUR, {"associatedcompanyid": made.id}))
    lead.tie(("contacts", contact.id), ("companies", one.id), contact.valid_from + HOUR - DAY, at)
    lead.tie(("contacts", contact.id), ("companies", made.id), at)


# Spelt in the CRM (phone, mobile) with what HubSpot makes of them, and in the mailing tool.
TELEPHONES: tuple[tuple[dict[str, str | None], str], ...] = (
    # Vietnam's mobiles of eleven digits lost one in 2018
    ({"phone": "0165 000 0001", "hs_calculated_phone_number": "+841650000001"}, "+84350000001"),
    ({"phone": "+84 120 000 0001", "hs_calculated_phone_number": "+841200000001"}, "+84700000001"),
    # Hanoi's area code 04 became 024 in 2017
    ({"phone": "04 3000 0001", "hs_calculated_phone_number": "+84430000001"}, "+842430000001"),
    # a mobile number beside another one, alone, and in the other field
    (
        {"mobilephone": "+61 491 570 006", "hs_calculated_mobile_number": "+61491570006"},
        "+61491570006",
    ),
    (
        {
            "phone": None,
            "hs_calculated_phone_number": None,
            "mobilephone": "0491 570 156",
            "hs_calculated_mobile_number": "+61491570156",
        },
        "+61491570156",
    ),
    ({"phone": "0491 570 157", "hs_calculated_phone_number": "+61491570157"}, "+61491570157"),
)


def _telephones(lead: Lead, place: int) -> None:
    """Six whom two systems know by one telephone, spelt in two ways, and by no address."""
    values, number = TELEPHONES[place]
    country, region = ("Vietnam", "VN") if place < 3 else ("Australia", "AU")
    lead.contact({**values, "email": None, "country": country, "hs_country_region_code": region})
    lead.profile(None, phone_number=number)


def _other_channels(lead: Lead, place: int) -> None:
    """Six who said in the CRM whether they want texts, or WhatsApp."""
    mobile = {"mobilephone": lead.typed, "hs_calculated_mobile_number": lead.phone}
    lead.contact(mobile)
    channel, subscription, status = (
        ("SMS", SMS_TYPE, "SUBSCRIBED"),
        ("SMS", SMS_TYPE, "UNSUBSCRIBED"),
        ("SMS", "*", "UNSUBSCRIBED"),
        ("WHATSAPP", WHATSAPP_TYPE, "SUBSCRIBED"),
        ("WHATSAPP", WHATSAPP_TYPE, "UNSUBSCRIBED"),
        ("WHATSAPP", "*", "UNSUBSCRIBED"),
    )[place]
    lead.state(lead.mail(), channel, subscription, status)
    # who asked for one subscription of a channel has said nothing of the channel
    lead.allows(channel.lower(), False, f"{status.lower()} in the CRM, {subscription}")


def _older_metrics(lead: Lead, place: int) -> None:
    """Six of whom Klaviyo tells in the words of other years, or about a list alone."""
    at = lead.since + 20 * DAY
    consent = subscriptions(lead.since, double_optin=(True, False, None)[place % 3])
    if place < 2:
        is_out = place == 0
        said = at + DAY if is_out else at
        consent = subscriptions(
            lead.since,
            double_optin=is_out,
            sms="UNSUBSCRIBED" if is_out else "SUBSCRIBED",
            sms_at=said,
        )
        profile = lead.profile(lead.mail(), phone_number=lead.phone, subscriptions=consent)
        lead.event("Consented to Receive SMS", profile, at)
        lead.event("Unsubscribed from SMS" if is_out else "Sent SMS", profile, at + DAY)
        lead.allows("sms", not is_out, "unsubscribed" if is_out else "subscribed")
        lead.allows("email", True, "subscribed")
    elif place == 2:
        gone = subscriptions(lead.since, left=at)
        profile = lead.profile(lead.mail(), (at, {"subscriptions": gone}), subscriptions=consent)
        lead.event("Unsubscribed", profile, at)
        lead.allows("email", False, "unsubscribed")
    elif place == 3:
        profile = lead.profile(lead.mail(), subscriptions=consent)
        lead.event("Subscribed to List", profile, lead.since + HOUR, List="Readers")
        lead.event("Unsubscribed from List", profile, at, List="Readers")
        joined = lead.since + HOUR
        lead.book.members.append(ListMember(READERS, profile, joined, joined, at))
        lead.allows("email", True, "left a list, not the rest")
    elif place == 4:
        profile = lead.profile(lead.mail(), subscriptions=consent)
        joined = lead.since + HOUR
        lead.book.members.append(ListMember(READERS, profile, joined, joined, FOREVER))
        lead.allows("email", True, "subscribed")
    else:
        dead = subscriptions(lead.since, left=at, reason="HARD_BOUNCE")
        old = lead.profile(lead.mail("old"), (at, {"subscriptions": dead}), subscriptions=consent)
        flow = {"$flow": "LeadFl", "$message": ulid("lead flow"), "Bounce Type": "Hard"}
        lead.event("Bounced Email", old, at - MINUTE, **flow)
        lead.profile(lead.mail(), subscriptions=subscriptions(at + DAY, double_optin=True))
        lead.contact({"hs_additional_emails": lead.mail("old")})
        lead.allows("email", True, "subscribed with a newer address; the old one is dead")
        return
    lead.contact()


def _cleared(lead: Lead, place: int) -> None:
    """Two who took a preference back: HubSpot has an empty text there, or nothing."""
    at = lead.since + 10 * DAY
    set_ = {"marketing_pause_until": "2018-06-30", "wants_relationship": "no"}
    lead.contact(set_, (at, dict.fromkeys(set_, ("", None)[place])))


def _trade(buyers: list[Lead]) -> None:
    """Five with an account each; the mailing tool has the one of whose refunds it tells."""
    book, profiles = buyers[0].book, dict[str, str]()
    book.shop = trade.shop_rows([lead.mail() for lead in buyers])
    for number, lead in enumerate(buyers):
        book.owners["shop", str(trade.account(number))] = lead.id, lead.story
    for number, order in enumerate(trade.ORDERS):
        if order.told is None:
            continue
        lead, (metric, amount) = buyers[order.account], order.told
        if lead.id not in profiles:
            number_of_shop = str(trade.account(order.account))
            profiles[lead.id] = lead.profile(lead.mail(), external_id=number_of_shop)
            lead.allows("email", True, "subscribed")
        about = {"OrderId": str(trade.order_id(number)), "$value": amount}
        lead.event(metric, profiles[lead.id], trade.told_at(number), **about)


@cache
def book() -> Book:
    """Return all the leads; they depend on nothing."""
    made = Book()
    numbers = iter(range(1, 100))

    def people(story: str, count: int = 1) -> list[Lead]:
        return [Lead(next(numbers), made, story) for _ in range(count)]

    for story, count, tell in (
        ("second address", 4, _second_addresses),
        ("zone and country", len(ZONES), _zones),
        ("unreadable preference", len(UNREADABLE), _unreadable),
        ("no value", 6, _no_values),
        ("merged profile", 3, _merged_profiles),
        ("merged into a new contact", 2, _merged_into_a_new_one),
        ("telephone", len(TELEPHONES), _telephones),
        ("other channel", 6, _other_channels),
        ("older metric", 6, _older_metrics),
        ("cleared preference", 2, _cleared),
    ):
        for place, lead in enumerate(people(story, count)):
            tell(lead, place)
    for story, alone in (
        ("created in 1970", _created_in_1970),
        ("merged contact", _merged_into_one_of_two),
        ("merged twice", _merged_twice),
        ("merged deal", _merged_deals),
        ("merged company", _merged_companies),
    ):
        alone(*people(story))
    for story, together in (
        ("shared mailbox", _shared_mailboxes),
        ("shared mailbox", _shared_mailboxes),
        ("role address", _role_address),
    ):
        together(*people(story, 2))
    _trade(people("trade", trade.ACCOUNTS))
    return made


def definitions() -> list[Record]:
    """Return what one can subscribe to on other channels than e-mail, and the leads' list."""
    made = STARTED - DAY
    stamp = klaviyo_time(made)
    readers = {
        "name": "Readers",
        "created": stamp,
        "updated": stamp,
        "opt_in_process": "double_opt_in",
    }
    return [
        *(
            Record(
                SUBSCRIPTION_DEFINITIONS,
                id_,
                made,
                FOREVER,
                made,
                made,
                None,
                json_text({"name": name, "communicationMethod": method}),
            )
            for id_, name, method in (
                (SMS_TYPE, "Text messages", "SMS"),
                (WHATSAPP_TYPE, "WhatsApp news", "WhatsApp"),
            )
        ),
        Record(LISTS, READERS, made, FOREVER, made, made, None, json_text(readers)),
    ]


def write(database: sqlite3.Connection, known_metrics: Iterable[str]) -> None:
    """Write the leads where the look-alike APIs read.

    Args:
        database: see `sandbox.schema`.
        known_metrics: names of Klaviyo's metrics that are there already.
    """
    told = book()
    schema.write(database, Record, [*definitions(), *told.records])
    more = sorted(told.metrics - set(known_metrics))
    schema.write(database, Record, map(metric_record, more))
    schema.write(database, Event, told.events)
    schema.write(database, Redirect, told.redirects)
    schema.write(database, Association, told.associations)
    schema.write(database, Subscription, told.subscriptions)
    schema.write(database, ListMember, told.members)
