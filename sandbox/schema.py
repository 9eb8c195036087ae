"""The database behind the two look-alike APIs: its tables, and what HubSpot's objects consist of.

Everything is kept by version: a reader at an instant sees the rows with
``valid_from < now <= valid_until``. Whoever fills a company writes the rows below with `write`.

- An **archived** object is one more version, with ``archived_at``; its modified date stays.
- A **permanent deletion** is a last version that ends (``valid_until``) without another.
- A **merge** ends every version of the merged id, adds a row to ``redirects``, and gives the
  survivor a version with ``hs_merged_object_ids`` and ``hs_calculated_merged_vids`` whose
  ``modified_at`` is that of the version before.
- ``propertiesWithHistory`` is read off the versions.
- An **event** shows when both its time and ``visible_from`` lie before now.
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

CONTACTS = "hubspot/contacts"
OWNERS = "hubspot/owners"
SUBSCRIPTION_DEFINITIONS = "hubspot/subscription_definitions"
PROFILES = "klaviyo/profile"
METRICS = "klaviyo/metric"
CAMPAIGNS = "klaviyo/campaign"
MESSAGES = "klaviyo/campaign-message"
LISTS = "klaviyo/list"
TAGS = "klaviyo/tag"
FLOWS = "klaviyo/flow"
FLOW_ACTIONS = "klaviyo/flow-action"
FLOW_MESSAGES = "klaviyo/flow-message"
MARKETING_EMAILS = "hubspot/marketing_emails"
CRM_LISTS = "hubspot/lists"
WORKFLOWS = "hubspot/workflows"  # what hangs on a list; no endpoint shows them

EVERYTHING = "*"  # the subscription_id of "unsubscribed from all"

SCHEMA = """
create table object_types (name text primary key, modified_property text not null);
create table properties (
    collection text not null, name text not null, type text not null,
    primary key (collection, name)
) without rowid;
create table records (
    collection text not null, id text not null,
    valid_from integer not null, valid_until integer not null,
    created_at integer not null, modified_at integer not null, archived_at integer,
    body text not null, related text not null
);
create table events (
    id text not null, uuid text not null, at integer not null, visible_from integer not null,
    metric_id text not null, profile_id text not null, body text not null
);
-- one row per tie and type; the API reads it from either side
create table associations (
    from_type text not null, from_id text not null, to_type text not null, to_id text not null,
    type_id integer not null, label text,
    valid_from integer not null, valid_until integer not null
);
create table redirects (
    collection text not null, id text not null, successor_id text not null,
    valid_from integer not null
);
create table subscriptions (
    email text not null, channel text not null, subscription_id text not null,
    status text not null, set_at integer not null, body text not null,
    valid_from integer not null, valid_until integer not null
);
-- on Klaviyo's lists and HubSpot's; what was added and removed through the APIs has real instants
-- too (epoch milliseconds), so that it can be taken back and can show late
create table list_members (
    list_id text not null, profile_id text not null, joined_at integer not null,
    valid_from integer not null, valid_until integer not null,
    added_really integer not null default 0, removed_really integer not null default (1 << 62)
);
-- what became of the CRM's own mail
create table email_events (
    id text not null, at integer not null, visible_from integer not null, type text not null,
    recipient text not null, sending_id text, body text not null
);
-- what a fault (or a call) changed, to be taken back: an old value, or (no column) a row that was
-- added
create table scripted (
    table_name text not null, row integer not null, column_name text, old_value,
    is_call integer not null
);
"""
# Made after the rows; every page of every endpoint walks one of them. Ids of one collection have
# one length, so that they sort as text.
INDEXES = """
create unique index records_by_id on records (collection, id, valid_from);
create index records_by_archive on records (collection, archived_at is null, id);
create index records_by_modified
on records (collection, modified_at, id, valid_from, valid_until, archived_at);
create index records_by_created
on records (collection, created_at, id, valid_from, valid_until, archived_at);
create index records_by_email on records (collection, body ->> '$.email', id);
create index records_by_number on records (collection, body ->> '$.shop_customer_number');
create index records_by_external_id on records (collection, body ->> '$.external_id');
-- the few of whom something stands in a list inside the body, which is looked for in all of them
create index records_suppressed on records (collection)
where body ->> '$.subscriptions.email.marketing.suppression' <> '[]';
create index records_suppressed_on_lists on records (collection)
where body ->> '$.subscriptions.email.marketing.list_suppressions' <> '[]';
create unique index events_by_time on events (at, id);
create index events_by_metric on events (metric_id, at, id);
create index events_by_profile on events (profile_id, at, id);
create unique index email_events_by_time on email_events (at, id);
create index associations_from on associations (from_type, from_id, to_type, to_id);
create index associations_to on associations (to_type, to_id, from_type, from_id);
create index redirects_by_id on redirects (collection, id);
create index subscriptions_by_email on subscriptions (lower(email), channel);
create index list_members_by_list on list_members (list_id, joined_at, profile_id);
create index list_members_by_profile on list_members (profile_id);
analyze;
"""

DEMOGRAPHICS = (
    "age",
    "income",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_comp",
    "kids_count",
)
# HubSpot's object types, each with the name of its modified date.
OBJECT_TYPES = {
    "contacts": "lastmodifieddate",
    **dict.fromkeys(
        (
            "companies",
            "deals",
            "tickets",
            "calls",
            "emails",
            "meetings",
            "notes",
            "tasks",
            "communications",
            "feedback_submissions",
        ),
        "hs_lastmodifieddate",
    ),
}
_ENGAGEMENT = {"hs_timestamp": "datetime", "hubspot_owner_id": "enumeration"}
_PROPERTIES: dict[str, dict[str, str]] = {
    "contacts": {
        "email": "string",
        "firstname": "string",
        "lastname": "string",
        "phone": "string",
        "mobilephone": "string",
        # E.164, as far as HubSpot can read a number; nobody enters them
        "hs_calculated_phone_number": "string",
        "hs_calculated_mobile_number": "string",
        "hs_additional_emails": "enumeration",  # further addresses, separated by semicolons
        "jobtitle": "string",
        "company": "string",
        "city": "string",
        "zip": "string",
        "country": "string",  # a name, in whatever language it was entered
        "hs_country_region_code": "string",
        "date_of_birth": "string",
        "hs_language": "enumeration",
        "hs_timezone": "enumeration",
        "hubspot_owner_id": "enumeration",
        "lifecyclestage": "enumeration",
        "associatedcompanyid": "number",
        "hs_email_optout": "bool",
        "hs_merged_object_ids": "enumeration",
        "hs_calculated_merged_vids": "enumeration",
        # the account's own properties
        "shop_customer_number": "string",
        **dict.fromkeys(DEMOGRAPHICS, "enumeration"),
        "declared_relationship": "enumeration",
        "wants_relationship": "enumeration",
        "wanted_topics": "enumeration",
        "unwanted_topics": "enumeration",
        "allowed_channels": "enumeration",
        # made as texts, so that people write what they please
        "max_marketing_messages_30d": "string",
        "allowed_hours": "string",
        "allowed_weekdays": "string",
        "marketing_pause_until": "string",
        "declared_values": "enumeration",
        "interests": "enumeration",
        "loyalty_status": "enumeration",
        "preferences_updated_at": "datetime",
    },
    "companies": {
        "name": "string",
        "domain": "string",
        "industry": "enumeration",
        "numberofemployees": "number",
        "annualrevenue": "number",
        "country": "string",
        "hs_country_code": "enumeration",
        "hubspot_owner_id": "enumeration",
        "lifecyclestage": "enumeration",
        "hs_merged_object_ids": "enumeration",
    },
    "deals": {
        "dealname": "string",
        "pipeline": "enumeration",
        "dealstage": "enumeration",
        "amount": "number",
        "deal_currency_code": "enumeration",
        "closedate": "datetime",
        "hs_is_closed": "bool",
        "hs_is_closed_won": "bool",
        "hubspot_owner_id": "enumeration",
        "hs_merged_object_ids": "enumeration",
    },
    "tickets": {
        "subject": "string",
        "content": "string",
        "hs_pipeline": "enumeration",
        "hs_pipeline_stage": "enumeration",
        "hs_ticket_category": "enumeration",
        "hs_ticket_priority": "enumeration",
        "source_type": "enumeration",
        "first_agent_reply_date": "datetime",
        "closed_date": "datetime",
        "hubspot_owner_id": "enumeration",
        "customer_sentiment": "enumeration",
        "hs_merged_object_ids": "enumeration",
    },
    "calls": {
        **_ENGAGEMENT,
        "hs_call_title": "string",
        "hs_call_body": "string",
        "hs_call_direction": "enumeration",
        "hs_call_disposition": "enumeration",
        "hs_call_duration": "number",
        "hs_call_status": "enumeration",
    },
    "emails": {
        **_ENGAGEMENT,
        "hs_email_subject": "string",
        "hs_email_text": "string",
        "hs_email_direction": "enumeration",
        "hs_email_status": "enumeration",
    },
    "meetings": {
        **_ENGAGEMENT,
        "hs_meeting_title": "string",
        "hs_meeting_body": "string",
        "hs_meeting_start_time": "datetime",
        "hs_meeting_end_time": "datetime",
        "hs_meeting_outcome": "enumeration",
    },
    "notes": {**_ENGAGEMENT, "hs_note_body": "string"},
    "tasks": {
        **_ENGAGEMENT,
        "hs_task_subject": "string",
        "hs_task_body": "string",
        "hs_task_status": "enumeration",
        "hs_task_type": "enumeration",
        "hs_task_priority": "enumeration",
        "hs_task_completion_date": "datetime",
    },
    "communications": {
        **_ENGAGEMENT,
        "hs_communication_channel_type": "enumeration",
        "hs_communication_body": "string",
        "communication_direction": "enumeration",
    },
    "feedback_submissions": {
        "hs_survey_id": "string",
        "hs_survey_name": "string",
        "hs_survey_type": "enumeration",
        "hs_survey_channel": "enumeration",
        "hs_value": "number",
        "hs_response_group": "enumeration",
        "hs_content": "string",
        "hs_submission_timestamp": "datetime",
    },
}
# Collection -> property -> type, for each of the object types.
PROPERTIES = {
    f"hubspot/{name}": {
        "createdate": "datetime",
        modified: "datetime",
        "hs_object_id": "number",
        **_PROPERTIES[name],
    }
    for name, modified in OBJECT_TYPES.items()
}
# HubSpot's ids of the plain tie from one type to another; the other way round has another id.
ASSOCIATION_TYPES = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("deals", "contacts"): 3,
    ("contacts", "deals"): 4,
    ("deals", "companies"): 341,
    ("companies", "deals"): 342,
    ("tickets", "contacts"): 16,
    ("contacts", "tickets"): 15,
    ("tickets", "companies"): 339,
    ("companies", "tickets"): 340,
    ("calls", "contacts"): 194,
    ("contacts", "calls"): 193,
    ("emails", "contacts"): 198,
    ("contacts", "emails"): 197,
    ("meetings", "contacts"): 200,
    ("contacts", "meetings"): 199,
    ("notes", "contacts"): 202,
    ("contacts", "notes"): 201,
    ("tasks", "contacts"): 204,
    ("contacts", "tasks"): 203,
    ("communications", "contacts"): 81,
    ("contacts", "communications"): 82,
    ("feedback_submissions", "contacts"): 98,
    ("contacts", "feedback_submissions"): 97,
}
# A company may be the primary one of a contact, a deal or a ticket: a second type on the same tie.
PRIMARY_TYPES = {
    ("contacts", "companies"): 1,
    ("companies", "contacts"): 2,
    ("deals", "companies"): 5,
    ("companies", "deals"): 6,
    ("tickets", "companies"): 26,
    ("companies", "tickets"): 25,
}


class Record(NamedTuple):
    """One version of one record.

    ``body`` and ``related`` are JSON texts. The body of a HubSpot object holds its properties (text
    or null each), that of a Klaviyo resource its attributes. ``related`` is for Klaviyo's
    relationships: ``{"campaign-messages": ["campaign-message", ["<id>", ...]]}``, a text instead of
    the inner list where there is only ever one.
    """

    collection: str
    id: str
    valid_from: int
    valid_until: int
    created_at: int
    modified_at: int
    archived_at: int | None
    body: str
    related: str = "{}"


class Event(NamedTuple):
    """One Klaviyo event; the body is the JSON text of its event_properties."""

    id: str
    uuid: str
    at: int
    visible_from: int
    metric_id: str
    profile_id: str
    body: str


class Association(NamedTuple):
    """A tie between two HubSpot objects, from when until when."""

    from_type: str
    from_id: str
    to_type: str
    to_id: str
    type_id: int
    label: str | None
    valid_from: int
    valid_until: int


class Redirect(NamedTuple):
    """A merged-away id and the one that answers for it, as long as it has no version of its own."""

    collection: str
    id: str
    successor_id: str
    valid_from: int


class Subscription(NamedTuple):
    """What an address said about one subscription, or about all of them (`EVERYTHING`).

    The body is a JSON text with what else the API shows: legalBasis, legalBasisExplanation, source.
    """

    email: str
    channel: str
    subscription_id: str
    status: str
    set_at: int
    body: str
    valid_from: int
    valid_until: int


class ListMember(NamedTuple):
    """A profile on a Klaviyo list, or a contact on one of HubSpot's, from when until when."""

    list_id: str
    profile_id: str
    joined_at: int
    valid_from: int
    valid_until: int


class EmailEvent(NamedTuple):
    """One event of a recipient of the CRM's mail; the body is a JSON text with its own fields."""

    id: str
    at: int
    visible_from: int
    type: str
    recipient: str
    sending_id: str | None
    body: str


Row = Record | Event | Association | Redirect | Subscription | ListMember | EmailEvent
TABLES: dict[type, str] = {
    Record: "records",
    Event: "events",
    Association: "associations",
    Redirect: "redirects",
    Subscription: "subscriptions",
    ListMember: "list_members",
    EmailEvent: "email_events",
}


def json_text(value: Iterable[Any]) -> str:
    """Return the JSON text of a value, as the tables hold it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def create(database: sqlite3.Connection) -> None:
    """Make the tables, and say which object types and properties there are."""
    database.executescript("pragma journal_mode = off; pragma synchronous = off;" + SCHEMA)
    database.executemany("insert into object_types values (?, ?)", OBJECT_TYPES.items())
    database.executemany(
        "insert into properties values (?, ?, ?)",
        [
            (collection, name, kind)
            for collection, types in PROPERTIES.items()
            for name, kind in types.items()
        ],
    )


def write(
    database: sqlite3.Connection, table: type[Row], rows: Iterable[tuple[object, ...]]
) -> None:
    """Add rows to the table of one kind, such as `Record`."""
    database.executemany(insertion(table), rows)


def insertion(table: type[Row]) -> str:
    """Return the statement that adds a row to the table of one kind."""
    places = ", ".join("?" * len(table._fields))
    return f"insert into {TABLES[table]} ({', '.join(table._fields)}) values ({places})"


def finish(database: sqlite3.Connection) -> dict[str, int]:
    """Index what was written, and return how many records, events and ties there are."""
    database.executescript(INDEXES)
    database.commit()
    counts = dict(
        database.execute(
            "select collection, count(distinct id) from records group by collection order by 1"
        )
    )
    counts |= database.execute(
        "select 'klaviyo/event: ' || (records.body ->> '$.name'), count(*) "
        "from events inner join records on events.metric_id = records.id "
        "and records.collection = 'klaviyo/metric' group by 1 order by 1"
    )
    for table in ("associations", "redirects", "subscriptions", "list_members", "email_events"):
        (count,) = database.execute(f"select count(*) from {table}").fetchone()
        if count:
            counts[table] = count
    return counts
