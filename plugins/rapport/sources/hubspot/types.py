"""HubSpot's object types: which properties are pulled, and by what a change is seen.

Only fields that are used are asked for; never a text, a subject or a body.
"""

from dataclasses import dataclass

from rapport.sources import streams
from rapport.sources.streams import Stream


@dataclass(frozen=True)
class ObjectType:
    """One type of CRM object.

    Attributes:
        stream: where it lands; its name is HubSpot's name of the type.
        properties: pulled for each record; the connection may replace them.
        history: properties whose earlier values are pulled too.
        modified: the property that moves with every change.
    """

    stream: Stream
    properties: tuple[str, ...]
    history: tuple[str, ...] = ()
    modified: str = "hs_lastmodifieddate"

    @property
    def name(self) -> str:
        """HubSpot's name of the type, as its paths say it."""
        return self.stream.name


_DATES = ("createdate", "hs_lastmodifieddate")
_ENGAGEMENT = (*_DATES, "hs_timestamp", "hubspot_owner_id")

CONTACTS = ObjectType(
    streams.CONTACTS,
    (
        "associatedcompanyid",
        "city",
        "company",
        "country",
        "createdate",
        "date_of_birth",
        "email",
        "firstname",
        "hs_additional_emails",
        "hs_calculated_merged_vids",
        "hs_calculated_mobile_number",
        "hs_calculated_phone_number",
        "hs_country_region_code",
        "hs_email_optout",
        "hs_language",
        "hs_merged_object_ids",
        "hs_timezone",
        "hubspot_owner_id",
        "jobtitle",
        "lastmodifieddate",
        "lastname",
        "lifecyclestage",
        "mobilephone",
        "phone",
        "zip",
        # of one's own: the link to the shop and what its households told
        "age",
        "home_ownership",
        "household_comp",
        "household_size",
        "income",
        "kids_count",
        "marital_status",
        "shop_customer_number",
        # of one's own: the preference centre
        "allowed_channels",
        "allowed_hours",
        "allowed_weekdays",
        "declared_relationship",
        "declared_values",
        "interests",
        "loyalty_status",
        "marketing_pause_until",
        "max_marketing_messages_30d",
        "preferences_updated_at",
        "unwanted_topics",
        "wanted_topics",
        "wants_relationship",
    ),
    modified="lastmodifieddate",
)
COMPANIES = ObjectType(
    streams.COMPANIES,
    (
        *_DATES,
        "annualrevenue",
        "country",
        "domain",
        "hs_country_code",
        "hs_merged_object_ids",
        "hubspot_owner_id",
        "industry",
        "lifecyclestage",
        "name",
        "numberofemployees",
    ),
)
DEALS = ObjectType(
    streams.DEALS,
    (
        *_DATES,
        "amount",
        "closedate",
        "deal_currency_code",
        "dealstage",
        "hs_is_closed",
        "hs_is_closed_won",
        "hs_merged_object_ids",
        "hubspot_owner_id",
        "pipeline",
    ),
    history=("dealstage",),
)
TICKETS = ObjectType(
    streams.TICKETS,
    (
        *_DATES,
        "closed_date",
        "customer_sentiment",  # of one's own
        "first_agent_reply_date",
        "hs_merged_object_ids",
        "hs_pipeline",
        "hs_pipeline_stage",
        "hs_ticket_category",
        "hs_ticket_priority",
        "hubspot_owner_id",
        "source_type",
    ),
    history=("hs_pipeline_stage",),
)
FEEDBACK_SUBMISSIONS = ObjectType(
    streams.FEEDBACK_SUBMISSIONS,
    (
        *_DATES,
        "hs_response_group",
        "hs_submission_timestamp",
        "hs_survey_channel",
        "hs_survey_id",
        "hs_survey_name",
        "hs_survey_type",
        "hs_value",
    ),
)
CALLS = ObjectType(
    streams.CALLS,
    (
        *_ENGAGEMENT,
        "hs_call_direction",
        "hs_call_disposition",
        "hs_call_duration",
        "hs_call_status",
    ),
)
EMAILS = ObjectType(streams.EMAILS, (*_ENGAGEMENT, "hs_email_direction", "hs_email_status"))
MEETINGS = ObjectType(
    streams.MEETINGS,
    (*_ENGAGEMENT, "hs_meeting_end_time", "hs_meeting_outcome", "hs_meeting_start_time"),
)
NOTES = ObjectType(streams.NOTES, _ENGAGEMENT)
TASKS = ObjectType(
    streams.TASKS,
    (
        *_ENGAGEMENT,
        "hs_task_completion_date",
        "hs_task_priority",
        "hs_task_status",
        "hs_task_type",
    ),
)
COMMUNICATIONS = ObjectType(
    streams.COMMUNICATIONS,
    (*_ENGAGEMENT, "communication_direction", "hs_communication_channel_type"),
)

OBJECT_TYPES: dict[str, ObjectType] = {
    kind.name: kind
    for kind in (
        CONTACTS,
        COMPANIES,
        DEALS,
        TICKETS,
        FEEDBACK_SUBMISSIONS,
        CALLS,
        EMAILS,
        MEETINGS,
        NOTES,
        TASKS,
        COMMUNICATIONS,
    )
}

# From the many to the few: who a record is about, and which firm stands behind them.
ASSOCIATIONS: tuple[tuple[ObjectType, ObjectType], ...] = (
    *(
        (kind, CONTACTS)
        for kind in (
            CALLS,
            EMAILS,
            MEETINGS,
            NOTES,
            TASKS,
            COMMUNICATIONS,
            FEEDBACK_SUBMISSIONS,
            TICKETS,
            DEALS,
        )
    ),
    *((kind, COMPANIES) for kind in (CONTACTS, DEALS, TICKETS)),
)
