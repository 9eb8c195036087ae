"""The records that the CRM and the mailing tool keep of it all, each with every version it had.

`COLLECTIONS` holds a query per collection, with the columns of `sandbox.schema.Record`. A version
is what was true from one instant to the next: the instants are gathered first, and each property is
then a function of the person and the instant.
"""

from collections.abc import Iterable

import duckdb

from sandbox.metrics import metric_id
from sandbox.schema import CONTACTS, DEMOGRAPHICS, PROPERTIES
from sandbox.simulate.engine import texts
from sandbox.simulate.events import METRICS
from sandbox.simulate.names import COUNTRIES, LOCALES, REGIONS
from sandbox.simulate.parameters import DEAL_STAGES, END, TOPICS, Parameters

OPENED = 1_400_000_000_000  # when the accounts were opened, before any history
LISTS = {"VpXq7a": "Newsletter", "RkTm2s": "Text messages", "WzNb5v": "Friends of the house"}
SUBSCRIPTIONS = {str(91_000_001 + i): topic for i, topic in enumerate(TOPICS)}
NEWSLETTER, TEXTS, FRIENDS = LISTS
# HubSpot's spelling of a time zone: Asia/Ho_Chi_Minh is asia_slash_ho_chi_minh.
ZONE = "replace(replace(lower(time_zone), '/', '_slash_'), '-', '_hyphen_')"
# Properties of a contact that nobody has a value of here, and those that second contacts lack too:
# HubSpot shows them as null, not not at all.
NEVER_KNOWN = (
    *DEMOGRAPHICS,
    *("city", "company", "date_of_birth", "hs_additional_emails", "hs_calculated_mobile_number"),
    *("mobilephone", "zip"),
)
ENTERED_AGAIN = (
    *("createdate", "lastmodifieddate", "hs_object_id", "email", "firstname", "lastname", "phone"),
    *("hs_language", "lifecyclestage", "shop_customer_number", "hs_calculated_phone_number"),
)
NEVER_ENTERED = tuple(name for name in PROPERTIES[CONTACTS] if name not in ENTERED_AGAIN)


def duplicates(db: duckdb.DuckDBPyConnection, p: Parameters) -> None:
    """Make ``duplicates``: second contacts, spelt in another way, and what became of them."""
    arabic = "translate({}, 'یک', 'يك')"
    db.execute(
        f"""
        create or replace temp table duplicates as
        select
            person, (contact_id::bigint + 500)::varchar as contact_id,
            whole_second(in_crm_since + (20 + 180 * u('again', person)) * a_day()) as created_at,
            case
                when u('fate', person) < {p.merged} then 'merged'
                when u('fate', person) < {p.merged + p.deleted} then 'deleted' else 'stays'
            end as fate,
            whole_second(created_at + (5 + 60 * u('fate at', person)) * a_day()) as ended_at,
            (chance('dirt', person) % 5)::bigint as spelling,
            case spelling
                when 0 then upper(first_name)
                when 1 then strip_accents({arabic.format("first_name")})
                when 2 then last_name
                when 3 then left(first_name, 2) || substr(first_name, 4)
                else first_name
            end as first_name,
            case spelling
                when 1 then strip_accents({arabic.format("last_name")})
                when 2 then first_name
                when 4 then left(last_name, 1)
                else last_name
            end as last_name,
            case
                when u('again mail', person) < 0.35 then second_email
                when u('again mail', person) < 0.50 then replace(email, '.', '..')
                when u('again mail', person) < 0.70 then upper(email)
            end as email,
            if(u('again phone', person) < 0.7, phone, null) as phone,
            u('again number', person) < 0.5 as has_number,
            customer_id, language
        from people
        where u('second contact', person) < {p.duplicates} and created_at < {END} - 90 * a_day()
        """
    )


def _nulls(names: Iterable[str]) -> str:
    """Return SQL of the members of a JSON object that are all null."""
    return ", ".join(f"'{name}', null" for name in names)


def versions(moments: str, source: str = "people") -> str:
    """Return SQL of one row per person and instant at which something changed, with its end."""
    return f"""
        select *, lead(since, 1, forever()) over (partition by person order by since) as until
        from (
            select distinct person,
                unnest(list_filter({moments}, lambda x: x is not null and x < {END})) as since
            from {source}
        )
    """


def contacts() -> str:
    """Return the CRM's contacts: new, customer, asked, moved, opted out, merged into."""
    countries = " ".join(f"when '{zone}' then '{name}'" for zone, name in COUNTRIES.items())
    regions = " ".join(f"when '{zone}' then '{code}'" for zone, code in REGIONS.items())

    def said(column: str) -> str:
        return f"if(since >= said_at, {column}, null)"

    later = "(since >= changed_at) is true"
    moments = (
        "[in_crm_since, born + 600000, said_at, changed_at, moved_mail_at + 1200000, "
        "if(is_crm_told, mail_left_at + 600000, null), merged_at]"
    )
    return f"""
        with facts as (
            select people.*, answers.* exclude (person, left_at), consents.mail_left_at,
                consents.mail_back_at, is_crm_told, owners_of.named_owner_id,
                if(fate = 'merged', ended_at, null) as merged_at,
                duplicates.contact_id as merged_id,
                -- erased for good at their wish: the record ends, and nothing says so
                case when u('erased', people.person) < 0.003
                    then whole_second(born + (0.3 + 0.6 * u('erased at', people.person))
                        * ({END} - born)) end as erased_at
            from people
            inner join consents using (person)
            inner join owners_of using (person)
            left join answers using (person)
            left join duplicates on people.person = duplicates.person
        ),
        spans as ({versions(moments, "facts")}),
        stated as (
            select
                contact_id as id, since as valid_from, least(until, coalesce(erased_at, until))
                    as valid_until,
                in_crm_since as created_at,
                -- a merge does not move the modified date
                max(if(since = merged_at, null, since)) over (
                    partition by person order by since
                ) as modified_at,
                json_object(
                    'createdate', hubspot_time(in_crm_since),
                    'lastmodifieddate', hubspot_time(modified_at),
                    'hs_object_id', contact_id,
                    'email', if(since >= moved_mail_at + 1200000, second_email, email),
                    'firstname', if(chance('crm spelling', person) % 4 = 0,
                        translate(first_name, 'یک', 'يك'), first_name),
                    'lastname', last_name,
                    'phone', phone,
                    'hs_calculated_phone_number', phone,
                    'hs_language', language,
                    'hs_timezone', if(u('zone known', person) < 0.8, {ZONE}, null),
                    'country', case time_zone {countries} end,
                    'hs_country_region_code', if(u('region known', person) < 0.6,
                        case time_zone {regions} end, null),
                    'jobtitle', if(is_business, 'Buyer', null),
                    'hubspot_owner_id', named_owner_id,
                    'lifecyclestage', if(since >= born, 'customer', 'lead'),
                    'shop_customer_number', if(has_number_in_crm, customer_id::varchar, null),
                    'associatedcompanyid', if(is_business,
                        (40000000000 + company * 7)::varchar, null),
                    'hs_email_optout', if(is_crm_told and since > mail_left_at
                        and not ((since > mail_back_at) is true), 'true', null),
                    'hs_merged_object_ids', if(since >= merged_at, merged_id, null),
                    'hs_calculated_merged_vids', if(since >= merged_at,
                        merged_id || ':' || merged_at, null),
                    'declared_relationship', {said("declared_type")},
                    'wants_relationship', {said("declared_wants")},
                    'wanted_topics', {said("wanted_topics")},
                    'unwanted_topics', {said("unwanted_topics")},
                    'allowed_channels', if({later} and allowed_channels is not null, 'email',
                        {said("allowed_channels")}),
                    'max_marketing_messages_30d', if({later}, greatest(most_messages - 1, 0),
                        {said("most_messages")})::varchar,
                    'allowed_hours', {said("allowed_hours")},
                    'allowed_weekdays', {said("allowed_weekdays")},
                    'marketing_pause_until', {said("pause_until")},
                    'declared_values', {said("declared_values")},
                    'interests', {said("interests")},
                    'loyalty_status', if(kind in ('best_friend', 'buddy') and since >= said_at,
                        if(kind = 'best_friend', 'gold', 'silver'), null),
                    'preferences_updated_at', hubspot_time(if({later}, changed_at,
                        if(since >= said_at, said_at, null))),
                    {_nulls(NEVER_KNOWN)}
                )::varchar as body
            from spans inner join facts using (person)
        )
        select 'hubspot/contacts' as collection, id, valid_from, valid_until, created_at,
            modified_at, null::bigint as archived_at, body, '{{}}' as related
        from stated where valid_from < valid_until
        union all
        select 'hubspot/contacts', contact_id, since,
            if(since = created_at and (fate = 'stays' or ended_at >= {END}), forever(),
                if(since = created_at, ended_at, forever())),
            created_at, created_at, if(since > created_at, since, null),
            json_object(
                'createdate', hubspot_time(created_at),
                'lastmodifieddate', hubspot_time(created_at),
                'hs_object_id', contact_id,
                'email', email, 'firstname', first_name, 'lastname', last_name, 'phone', phone,
                'hs_language', language, 'lifecyclestage', 'lead',
                'shop_customer_number', if(has_number, customer_id::varchar, null),
                'hs_calculated_phone_number', phone,
                {_nulls(NEVER_ENTERED)}
            )::varchar,
            '{{}}'
        from (
            select *, unnest(list_filter(
                [created_at, if(fate = 'deleted' and ended_at < {END}, ended_at, null)],
                lambda x: x is not null)) as since
            from duplicates
        )
    """


def profiles() -> str:
    """Return the mailing tool's profiles, and the second ones of a few people."""
    zone = "if(u('zone in mailing', person) < 0.85, time_zone, null)"
    locales = " ".join(f"when '{language}' then '{locale}'" for language, locale in LOCALES.items())
    moments = (
        "[in_mailing_since, moved_mail_at + 2400000, mail_left_at, mail_back_at, sms_left_at, "
        "complained_at, died_at + 5000]"
    )

    def stamp(instant: str) -> str:
        return f"klaviyo_time({instant})"

    out = "(since >= mail_left_at and not ((since >= mail_back_at) is true)) is true"
    complained = "(since >= complained_at) is true"
    dead = "(since >= died_at) is true"
    mail_at = (
        "if((since >= mail_back_at) is true, mail_back_at, "
        "if((since >= mail_left_at) is true, mail_left_at, mail_since))"
    )
    sms_at = "if((since >= sms_left_at) is true, sms_left_at, sms_since)"
    return f"""
        with facts as (
            select people.*, consents.* exclude (person)
            from people inner join consents using (person)
        ),
        spans as ({versions(moments, "facts")})
        select
            'klaviyo/profile' as collection, profile_id as id, since as valid_from,
            until as valid_until, in_mailing_since as created_at, since as modified_at,
            null::bigint as archived_at,
            json_object(
                'email', case
                    when since >= moved_mail_at + 2400000 then second_email
                    when has_number_in_mailing then email
                    -- the domain as people say it on the telephone
                    else split_part(email, '@', 1) || '@' || upper(split_part(email, '@', 2)) end,
                'phone_number', phone,
                'external_id', if(has_number_in_mailing, customer_id::varchar, null),
                'first_name', case when language = 'vi' and chance('form', person) % 4 = 0
                        then replace(replace(strip_accents(first_name), 'đ', 'd'), 'Đ', 'D')
                    when language = 'vi' and chance('form', person) % 4 = 1 then last_name
                    else first_name end,
                'last_name', case when language = 'vi' and chance('form', person) % 4 = 0
                        then replace(replace(strip_accents(last_name), 'đ', 'd'), 'Đ', 'D')
                    when language = 'vi' and chance('form', person) % 4 = 1 then first_name
                    else last_name end,
                'organization', null,
                'locale', case language {locales} end,
                'title', null, 'image', null,
                'created', {stamp("in_mailing_since")}, 'updated', {stamp("since")},
                'last_event_date', null,
                'location', json_object('timezone', {zone}, 'city', null, 'country', null),
                'properties', json_object(),
                'subscriptions', json_object(
                    'email', json_object('marketing', json_object(
                        'can_receive_email_marketing', not ({out} or {complained} or {dead}),
                        'consent', if({out}, 'UNSUBSCRIBED',
                            if(mail_since is null, 'NEVER_SUBSCRIBED', 'SUBSCRIBED')),
                        'consent_timestamp', {stamp(mail_at)}, 'last_updated', {stamp(mail_at)},
                        'method', if({out}, 'PREFERENCE_PAGE',
                            if(mail_since is null, null, 'FORM')),
                        'method_detail', '', 'custom_method_detail', null,
                        'double_optin', mail_since is not null and not {out},
                        'suppression', list_filter([
                            if({out}, json_object('reason', 'UNSUBSCRIBE',
                                'timestamp', {stamp("mail_left_at")}), null),
                            if({complained}, json_object('reason', 'SPAM_COMPLAINT',
                                'timestamp', {stamp("complained_at")}), null),
                            if({dead}, json_object('reason', 'HARD_BOUNCE',
                                'timestamp', {stamp("died_at + 5000")}), null)
                        ], lambda x: x is not null),
                        'list_suppressions', []
                    )),
                    'sms', json_object('marketing', json_object(
                        'can_receive_sms_marketing',
                            sms_since is not null and not ((since >= sms_left_at) is true),
                        'consent', if((since >= sms_left_at) is true, 'UNSUBSCRIBED',
                            if(sms_since is null, 'NEVER_SUBSCRIBED', 'SUBSCRIBED')),
                        'consent_timestamp', {stamp(sms_at)}, 'last_updated', {stamp(sms_at)},
                        'method', if(sms_since is null, null, 'FORM'), 'method_detail', ''
                    )),
                    'mobile_push', json_object('marketing', json_object(
                        'can_receive_push_marketing', false, 'consent', 'NEVER_SUBSCRIBED',
                        'consent_timestamp', null
                    ))
                )
            )::varchar as body,
            '{{}}' as related
        from spans inner join facts using (person)
        union all
        select
            'klaviyo/profile', left(profile_id, 25) || '1', born + 3 * a_day(), forever(),
            born + 3 * a_day(), born + 3 * a_day(), null,
            json_object(
                'email', second_email, 'phone_number', if(u('2 phone', person) < 0.6, phone, null),
                'external_id', if(u('2 number', person) < 0.5, customer_id::varchar, null),
                'first_name', first_name, 'last_name', last_name, 'organization', null,
                'locale', case language {locales} end, 'title', null, 'image', null,
                'created', {stamp("born + 3 * a_day()")},
                'updated', {stamp("born + 3 * a_day()")},
                'last_event_date', null, 'location', json_object(), 'properties', json_object(),
                'subscriptions', json_object('email', json_object('marketing', json_object(
                    'can_receive_email_marketing', true, 'consent', 'NEVER_SUBSCRIBED',
                    'consent_timestamp', null, 'suppression', [], 'list_suppressions', [])))
            )::varchar,
            '{{}}'
        from facts where has_second_profile
    """


def _simple(collection: str, source: str, ident: str, instant: str, **properties: str) -> str:
    """Return records of one version each."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in properties.items())
    return f"""
        select 'hubspot/{collection}' as collection, {ident} as id, {instant} as valid_from,
            forever() as valid_until, {instant} as created_at, {instant} as modified_at,
            null::bigint as archived_at,
            json_object('createdate', hubspot_time({instant}),
                'hs_lastmodifieddate', hubspot_time({instant}), 'hs_object_id', {ident},
                {pairs})::varchar as body,
            '{{}}' as related
        from {source}
    """


def _staged(collection: str, source: str, ident: str, created: str, **properties: str) -> str:
    """Return records of one version per stage; the source has one row per stage, since, until."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in properties.items())
    return f"""
        select 'hubspot/{collection}' as collection, {ident} as id, since as valid_from,
            until as valid_until, {created} as created_at, since as modified_at,
            null::bigint as archived_at,
            json_object('createdate', hubspot_time({created}),
                'hs_lastmodifieddate', hubspot_time(since), 'hs_object_id', {ident},
                {pairs})::varchar as body,
            '{{}}' as related
        from ({source})
    """


DEAL_ID = "(60000000000000 + serial)::varchar"
TICKET_ID = "(70000000000000 + person * 10000 + number)::varchar"
SURVEY_ID = "(80000000000000 + person * 10000 + number)::varchar"
ENGAGEMENT_ID = "(3000000000000000 + serial)::varchar"
COMPANY_ID = "serial::varchar"
_DEAL_STAGES = f"""
    select *, ms as since,
        lead(ms, 1, forever()) over (partition by serial order by place, ms) as until,
        stage in ('closedwon', 'closedlost') as is_closed
    from deal_stages inner join owners_of using (person)
    where stage in ({", ".join(f"'{s}'" for s in (*DEAL_STAGES, "closedwon", "closedlost"))})
"""
_TICKET_STAGES = f"""
    select *, since_stage.ms as since, since_stage.stage as stage,
        lead(since_stage.ms, 1, forever()) over (
            partition by person, number order by since_stage.ms
        ) as until
    from (
        select tickets.*, owner_id, unnest(list_filter([
            {{'ms': opened_at, 'stage': '1'}}, {{'ms': replied_at, 'stage': '2'}},
            {{'ms': whole_second(replied_at + 0.4 * (closed_at - replied_at)), 'stage': '3'}},
            {{'ms': closed_at, 'stage': '4'}}, {{'ms': reopened_at, 'stage': '3'}},
            {{'ms': closed_again_at, 'stage': '4'}}
        ], lambda x: x.ms is not null and x.ms < {END})) as since_stage
        from tickets inner join owners using (owner)
    )
"""
# HubSpot's ids of connected, no answer, left voicemail and busy. Who leaves word on a machine logs
# the call as completed.
_DISPOSITION = (
    "case when outcome < 0.75 then 'f240bbac-87c9-4f6e-bf70-924b57d47db7' "
    "when outcome < 0.87 then '73a0d17f-1163-4015-bdd5-ec830791da20' "
    "when outcome < 0.95 then 'b2cf5968-551e-4856-9783-52b3da59a7d0' "
    "else '9d9162e7-6cf3-4944-bf63-4dff82258764' end"
)
_CALL_STATUS = (
    "case when outcome < 0.75 or outcome between 0.87 and 0.95 then 'COMPLETED' "
    "when outcome < 0.87 then 'NO_ANSWER' else 'BUSY' end"
)
_RESPONSE_GROUP = (
    "case when value <= if(type = 'NPS', 6, 0) then 'DETRACTOR' "
    "when value >= if(type = 'NPS', 9, 2) then 'PROMOTER' else 'PASSIVE' end"
)


def collections() -> dict[str, str]:
    """Return a query per collection of what belongs to people; columns as in `schema.Record`."""

    def engaged(kind: str) -> str:
        return f"(select *, ms as since from engagements where type = '{kind}')"

    when = {"hs_timestamp": "hubspot_time(ms)", "hubspot_owner_id": "owner_id"}
    return {
        "hubspot/contacts": contacts(),
        "hubspot/companies": _simple(
            "companies", "companies", COMPANY_ID, "created_at",
            name="name", domain="domain", industry="industry",
            numberofemployees="employees::varchar", annualrevenue="(employees * 90000)::varchar",
            country="'Germany'", hubspot_owner_id="owner_id", lifecyclestage="'customer'",
            hs_merged_object_ids="null",
        ),
        "hubspot/deals": _staged(
            "deals", _DEAL_STAGES, DEAL_ID, "created_at",
            dealname="'Deal ' || serial", pipeline="'default'", dealstage="stage",
            amount="amount::varchar", deal_currency_code="'USD'",
            closedate="if(is_closed, hubspot_time(since), null)",
            hs_is_closed="is_closed::varchar", hs_is_closed_won="(stage = 'closedwon')::varchar",
            hubspot_owner_id="owner_id", hs_merged_object_ids="null",
        ),
        "hubspot/tickets": _staged(
            "tickets", _TICKET_STAGES, TICKET_ID, "opened_at",
            hs_pipeline="'0'", hs_pipeline_stage="stage", hs_ticket_category="category",
            hs_ticket_priority="priority", source_type="source_type",
            first_agent_reply_date="if(since >= replied_at, hubspot_time(replied_at), null)",
            closed_date="if(stage = '4', hubspot_time(since), null)", hubspot_owner_id="owner_id",
            customer_sentiment="if(since >= replied_at, sentiment, null)",
            hs_merged_object_ids="null",
        ),
        "hubspot/calls": _simple(
            "calls", engaged("calls"), ENGAGEMENT_ID, "ms", **when,
            hs_call_direction="direction", hs_call_disposition=_DISPOSITION,
            hs_call_duration="case when outcome < 0.75 then lasts "
            "when outcome between 0.87 and 0.95 then 20000 else 0 end::varchar",
            hs_call_status=_CALL_STATUS,
        ),
        "hubspot/emails": _simple(
            "emails", engaged("emails"), ENGAGEMENT_ID, "ms", **when,
            hs_email_direction="if(direction = 'INBOUND', 'INCOMING_EMAIL', 'EMAIL')",
            hs_email_status="'SENT'",
        ),
        "hubspot/meetings": _simple(
            "meetings", engaged("meetings"), ENGAGEMENT_ID, "ms", **when,
            hs_meeting_start_time="hubspot_time(ms)",
            hs_meeting_end_time="hubspot_time(ms + 1800000 * (1 + (outcome < 0.3)::int))",
            hs_meeting_outcome="if(outcome < 0.85, 'COMPLETED', 'NO_SHOW')",
        ),
        "hubspot/notes": _simple("notes", engaged("notes"), ENGAGEMENT_ID, "ms", **when),
        "hubspot/tasks": _simple(
            "tasks", engaged("tasks"), ENGAGEMENT_ID, "ms", **when,
            hs_task_status="if(outcome < 0.8, 'COMPLETED', 'NOT_STARTED')",
            hs_task_type="'CALL'", hs_task_priority="'MEDIUM'",
            hs_task_completion_date="if(outcome < 0.8, hubspot_time(ms), null)",
        ),
        "hubspot/communications": _simple(
            "communications", engaged("communications"), ENGAGEMENT_ID, "ms", **when,
            hs_communication_channel_type="if(source = 'text', 'SMS', 'CHAT')",
            communication_direction="direction",
        ),
        "hubspot/feedback_submissions": _simple(
            "feedback_submissions", "surveys", SURVEY_ID, "ms",
            hs_survey_id="if(type = 'NPS', '11', '12')", hs_survey_name="type || ' survey'",
            hs_survey_type="type", hs_survey_channel="'EMAIL'", hs_value="value::varchar",
            hs_response_group=_RESPONSE_GROUP,
            hs_submission_timestamp="hubspot_time(ms)",
        ),
        "klaviyo/profile": profiles(),
    }  # fmt: skip


def company_wide() -> dict[str, str]:
    """Return a query per collection of what belongs to the firm, and not to one person."""
    metrics = " union all ".join(
        f"select '{metric_id(name)}' as id, '{name}' as name" for name in METRICS
    )
    lists = " union all ".join(f"select '{i}' as id, '{name}' as name" for i, name in LISTS.items())
    topics = " union all ".join(
        f"select '{i}' as id, '{topic}' as name" for i, topic in SUBSCRIPTIONS.items()
    )
    tags = """
        select campaign, unnest(list_filter([
            'topic:' || topic, 'content:' || content, 'value:' || value,
            if(has_holdout, 'arm:holdout', null)
        ], lambda x: x is not null)) as tag
        from campaigns
    """

    def standing(collection: str, body: str, source: str, ident: str = "id") -> str:
        return f"""
            select '{collection}' as collection, {ident} as id, {OPENED} as valid_from,
                forever() as valid_until, {OPENED} as created_at, {OPENED} as modified_at,
                null::bigint as archived_at, ({body})::varchar as body, '{{}}' as related
            from ({source})
        """

    stamp = f"klaviyo_time({OPENED})"
    return {
        "hubspot/owners": standing(
            "hubspot/owners",
            "json_object('email', email, 'firstName', first_name, 'lastName', last_name, "
            "'userId', user_id, 'teams', list_transform(skills, lambda skill, i: json_object("
            "'id', (900 + i)::varchar, 'name', 'skill:' || skill, 'primary', i = 1)))",
            "from owners", "owner_id",
        ),
        "hubspot/subscription_definitions": standing(
            "hubspot/subscription_definitions",
            "json_object('name', name, 'description', 'About ' || replace(name, '_', ' '))",
            topics,
        ),
        "klaviyo/metric": standing(
            "klaviyo/metric",
            f"json_object('name', name, 'created', {stamp}, 'updated', {stamp}, 'integration', "
            "json_object('id', 'k1v0', 'object', 'integration', 'name', 'Klaviyo', "
            "'category', 'Internal'))",
            metrics,
        ),
        "klaviyo/list": standing(
            "klaviyo/list",
            f"json_object('name', name, 'created', {stamp}, 'updated', {stamp}, "
            "'opt_in_process', 'single_opt_in')",
            lists,
        ),
        "klaviyo/tag": standing(
            "klaviyo/tag", "json_object('name', tag)",
            f"select distinct tag, tag_id(tag) as id from ({tags})",
        ),
        "klaviyo/campaign": f"""
            with steps as (
                select *, unnest([
                    {{'since': ms - 5 * a_day(), 'until': ms - a_day(),
                        'status': 'Draft'}},
                    {{'since': ms - a_day(), 'until': ms, 'status': 'Scheduled'}},
                    {{'since': ms, 'until': forever(), 'status': 'Sent'}}
                ]) as step
                from campaigns inner join (
                    select campaign, list(tag_id(tag) order by tag) as tag_ids
                    from ({tags}) group by campaign
                ) using (campaign)
            )
            select 'klaviyo/campaign' as collection, campaign_id as id, step.since as valid_from,
                step.until as valid_until, ms - 5 * a_day() as created_at,
                step.since as modified_at, null::bigint as archived_at,
                json_object(
                    'name', name, 'status', step.status, 'archived', false,
                    'audiences', json_object('included', ['{NEWSLETTER}'], 'excluded', []),
                    'send_options', json_object('use_smart_sending', true),
                    'tracking_options', json_object('is_tracking_clicks', true,
                        'is_tracking_opens', true),
                    'send_strategy', json_object('method', 'static', 'datetime', klaviyo_time(ms)),
                    'created_at', klaviyo_time(ms - 5 * a_day()),
                    'scheduled_at', if(step.status = 'Draft', null,
                        klaviyo_time(ms - a_day())),
                    'updated_at', klaviyo_time(step.since),
                    'send_time', if(step.status = 'Sent', klaviyo_time(ms), null)
                )::varchar as body,
                json_object('campaign-messages', ['"campaign-message"'::json,
                    to_json([message_id])], 'tags', ['"tag"'::json, to_json(tag_ids)])::varchar
                    as related
            from steps
        """,
        "klaviyo/campaign-message": """
            select 'klaviyo/campaign-message' as collection, message_id as id,
                ms - 5 * a_day() as valid_from, forever() as valid_until,
                ms - 5 * a_day() as created_at, ms - 5 * a_day() as modified_at,
                null::bigint as archived_at,
                json_object(
                    'definition', json_object('channel', if(is_sms, 'sms', 'email'), 'label', null,
                        'content', json_object('subject', 'News for you')),
                    'send_times', [json_object('datetime', klaviyo_time(ms), 'is_local', false)],
                    'created_at', klaviyo_time(ms - 5 * a_day()),
                    'updated_at', klaviyo_time(ms - 5 * a_day())
                )::varchar as body,
                json_object('campaign', ['"campaign"'::json, to_json(campaign_id)])::varchar
                    as related
            from campaigns
        """,
    }  # fmt: skip


def associations() -> str:
    """Return the ties, as `schema.Association`; a few were made days after their record."""
    parts = []
    for kind, number in (
        ("calls", 194), ("emails", 198), ("meetings", 200), ("notes", 202), ("tasks", 204),
        ("communications", 81),
    ):  # fmt: skip
        parts.append(
            f"select '{kind}' as from_type, {ENGAGEMENT_ID} as from_id, person, ms, "
            f"{number} as type_id from engagements where type = '{kind}'"
        )
    parts.append(f"select 'feedback_submissions', {SURVEY_ID}, person, ms, 98 from surveys")
    parts.append(f"select 'tickets', {TICKET_ID}, person, opened_at, 16 from tickets")
    parts.append(f"select 'deals', {DEAL_ID}, person, created_at, 3 from deals")
    to_contacts = " union all ".join(parts)
    return f"""
        select from_type, from_id, 'contacts' as to_type, contact_id as to_id, type_id,
            null::varchar as label,
            ms + if(hash(from_id) % 33 = 0, (1 + hash(from_id, 1) % 5)::bigint * a_day(), 0)
                as valid_from,
            forever() as valid_until
        from ({to_contacts}) inner join (select person, contact_id from people) using (person)
        union all
        select 'contacts', contact_id, 'companies', (40000000000 + company * 7)::varchar, 279, null,
            in_crm_since, forever()
        from people where is_business
        union all
        select 'deals', {DEAL_ID}, 'companies', (40000000000 + company * 7)::varchar, 341, null,
            created_at, forever()
        from deals where is_business
        union all
        select 'tickets', {TICKET_ID}, 'companies', (40000000000 + company * 7)::varchar, 339, null,
            opened_at, forever()
        from tickets inner join (select person, company from people where is_business)
            using (person)
    """


def redirects() -> str:
    """Return the merged contacts and who answers for them, as `schema.Redirect`."""
    return f"""
        select 'hubspot/contacts' as collection, duplicates.contact_id as id,
            people.contact_id as successor_id, ended_at as valid_from
        from duplicates inner join people using (person)
        where fate = 'merged' and ended_at < {END}
    """


def subscriptions() -> str:
    """Return what addresses told the CRM about mail, as `schema.Subscription`."""
    topics = texts(list(TOPICS))
    first = next(iter(SUBSCRIPTIONS))
    return f"""
        with told as (
            select person, email, unnest({topics}) as topic, generate_subscripts({topics}, 1) as i,
                wanted_topics, unwanted_topics, said_at
            from people inner join answers using (person)
        )
        select email, 'EMAIL' as channel, ({first} + i - 1)::varchar as subscription_id,
            if(list_contains(string_split(unwanted_topics, ';'), topic), 'UNSUBSCRIBED',
                'SUBSCRIBED') as status,
            said_at as set_at,
            '{{"legalBasis":"CONSENT_WITH_NOTICE","source":"PREFERENCE_CENTER"}}' as body,
            said_at as valid_from, forever() as valid_until
        from told
        where list_contains(string_split(wanted_topics, ';'), topic)
            or list_contains(string_split(unwanted_topics, ';'), topic)
        union all
        select email, 'EMAIL', '*', 'UNSUBSCRIBED', mail_left_at + 600000,
            '{{"source":"UNSUBSCRIBE_LINK"}}', mail_left_at + 600000,
            coalesce(mail_back_at, forever())
        from people inner join consents using (person)
        where is_crm_told and mail_left_at + 600000 < {END}
    """


def list_members() -> str:
    """Return who is on which list, as `schema.ListMember`; half of the leavers stay on it."""
    return f"""
        select '{NEWSLETTER}' as list_id, profile_id, mail_since as joined_at,
            mail_since as valid_from,
            if(u('off list', person) < 0.5, coalesce(mail_left_at, forever()), forever())
                as valid_until
        from people inner join consents using (person) where mail_since is not null
        union all
        select '{TEXTS}', profile_id, sms_since, sms_since, coalesce(sms_left_at, forever())
        from people inner join consents using (person) where sms_since is not null
        union all
        select '{FRIENDS}', profile_id, born + 60 * a_day(), born + 60 * a_day(),
            forever()
        from people where kind = 'best_friend' and born + 60 * a_day() < {END}
    """
