{{ config(materialized='table') }}

-- Everything that anybody's records ever said about consent, from every version that landed: a
-- state that a later version overwrote was still said. With each word goes what it was said of: the
-- addresses that the record had then, or none where the source does not say.
with

-- The mailing tool: the state of each profile, said anew when it differs from the version before.
profile_versions as (

    select
        profile_id,
        {{ list_of(['email']) }} as addresses,
        email_consent,
        email_consent_at,
        email_consent_method,
        sms_consent,
        sms_consent_at,
        sms_consent_method,
        push_consent,
        push_consent_at,
        suppressions,
        list_suppressions,
        unreadable_fields,
        quarantine_reason is null as is_valid,
        load_date,
        updated_at as said_at,
        lag(email_consent) over earlier as email_consent_before,
        lag(sms_consent) over earlier as sms_consent_before,
        lag(push_consent) over earlier as push_consent_before
    from {{ ref('base_klaviyo__profiles') }}
    where profile_id is not null
    window
        earlier as (
            partition by profile_id
            order by
                updated_at nulls last,
                load_date nulls last,
                load_id nulls last,
                row_hash nulls last
        )

),

profile_states as (

    {% for channel in ['email', 'sms', 'push'] %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        profile_id,
        addresses,
        array_contains(unreadable_fields, '{{ channel }}_consent_timestamp') as is_undated,
        '{{ channel }}' as channel,
        {{ channel }}_consent as consent,
        {{ channel }}_consent_at as consent_at,
        {{ 'cast(null as string)' if channel == 'push' else channel ~ '_consent_method' }}
            as consent_method,
        is_valid,
        load_date,
        said_at
    from profile_versions
    where
        {{ channel }}_consent in ('SUBSCRIBED', 'UNSUBSCRIBED')
        and (
            {{ channel }}_consent_at is not null
            or {{ channel }}_consent is distinct from {{ channel }}_consent_before
        )
    {% endfor %}

),

-- A time that nobody can read is none that comes after an objection.
from_profile_states as (

    select
        'klaviyo' as source,
        profile_id as contact_id,
        addresses,
        channel,
        '*' as topic,
        case consent when 'SUBSCRIBED' then 'grant' else 'withdraw' end as action,
        coalesce('state_' || consent_method, 'state') as basis,
        case
            when consent = 'UNSUBSCRIBED' then 'explicit'
            when {{ is_own_act('consent_method') }} and not is_undated then 'explicit'
            else 'record'
        end as evidence,
        is_valid,
        load_date,
        coalesce(consent_at, said_at) as occurred_at
    from profile_states

),

suppressions as (

    select
        profile_id,
        addresses,
        is_valid,
        load_date,
        said_at,
        {{ unnested('suppressions') }} as suppression
    from profile_versions

),

-- An address that bounces is no word of theirs; every other reason, also one yet unknown, is.
from_suppressions as (

    select
        'klaviyo' as source,
        profile_id as contact_id,
        addresses,
        'email' as channel,
        '*' as topic,
        'withdraw' as action,
        'suppression_' || lower(coalesce(suppression.reason, 'unknown')) as basis,
        'explicit' as evidence,
        is_valid,
        load_date,
        coalesce({{ plausible_time('suppression.timestamp') }}, said_at) as occurred_at
    from suppressions
    where coalesce(suppression.reason, '') not in ('HARD_BOUNCE', 'INVALID_EMAIL')

),

list_suppressions as (

    select
        profile_id,
        addresses,
        is_valid,
        load_date,
        said_at,
        {{ unnested('list_suppressions') }} as suppression
    from profile_versions

),

from_list_suppressions as (

    select
        'klaviyo' as source,
        list_suppressions.profile_id as contact_id,
        list_suppressions.addresses,
        'email' as channel,
        coalesce(lists.topic, 'list_' || list_suppressions.suppression.list_id) as topic,
        'withdraw' as action,
        'list_suppression_'
        || lower(coalesce(list_suppressions.suppression.reason, 'unknown')) as basis,
        'explicit' as evidence,
        list_suppressions.is_valid,
        list_suppressions.load_date,
        coalesce(
            {{ plausible_time('list_suppressions.suppression.timestamp') }},
            list_suppressions.said_at
        ) as occurred_at
    from list_suppressions
    left join {{ ref('stg_klaviyo__lists') }} as lists
        on list_suppressions.suppression.list_id = lists.list_id

),

-- The mailing tool: what they did. Joining a list is not consent, so the seed has no action for it.
from_events as (

    select
        'klaviyo' as source,
        events.profile_id as contact_id,
        -- an event does not say which address it came from
        cast(null as {{ list_type('string') }}) as addresses,
        meanings.channel,
        case
            when meanings.consent_level = 'topic' then coalesce(events.list_topic, '*')
            else '*'
        end as topic,
        meanings.consent_action as action,
        'event_' || {{ topic_of('metrics.metric_name') }} as basis,
        'explicit' as evidence,
        events.quarantine_reason is null as is_valid,
        events.load_date,
        -- a time that cannot be is the night that brought it
        case
            when events.quarantine_reason is null then events.occurred_at
            else cast(events.load_date as timestamp)
        end as occurred_at
    from (
        select
            profile_id,
            metric_id,
            list_topic,
            occurred_at,
            load_date,
            quarantine_reason
        from {{ ref('base_klaviyo__events') }}
        where ({{ is_staged() }}) or quarantine_reason is not null
    ) as events
    inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
    inner join {{ ref('klaviyo_metrics') }} as meanings
        on metrics.metric_name = meanings.metric_name
    where meanings.consent_action is not null

),

-- The CRM: what a contact's properties say, version by version.
contact_versions as (

    select
        contact_id,
        {{ both_lists('additional_emails', list_of(['email'])) }} as addresses,
        {{ email_key('email') }} as email_key,
        has_opted_out_of_email,
        wants_relationship,
        readable_channels as allowed_channels,
        wanted_topics,
        unwanted_topics,
        quarantine_reason is null as is_valid,
        load_date,
        updated_at as said_at,
        preferences_updated_at as answered_at,
        lag(has_opted_out_of_email) over earlier as has_opted_out_before,
        lag(wants_relationship) over earlier as wants_relationship_before,
        lag(readable_channels) over earlier as allowed_channels_before,
        lag(wanted_topics) over earlier as wanted_topics_before,
        lag(unwanted_topics) over earlier as unwanted_topics_before,
        lag(contact_id) over earlier is not null
        and preferences_updated_at
        > coalesce(
            max(preferences_updated_at) over all_earlier, timestamp '1970-01-01 00:00:00'
        ) as is_new_answer
    from (
        select
            *,
            -- a list that nobody can read narrows what is in force, but says nothing of consent
            case
                when not array_contains(unreadable_fields, 'allowed_channels') then allowed_channels
            end as readable_channels
        from {{ ref('base_hubspot__contacts') }}
    ) as base
    where contact_id is not null
    window
        earlier as (
            partition by contact_id
            order by
                updated_at nulls last,
                load_date nulls last,
                load_id nulls last,
                row_hash nulls last
        ),
        all_earlier as (
            partition by contact_id
            order by
                updated_at nulls last,
                load_date nulls last,
                load_id nulls last,
                row_hash nulls last
            rows between unbounded preceding and 1 preceding
        )

),

-- A field that stands as it stood is not said again, whatever else the answer changed. A grant is
-- their own act when it was seen to appear with a new answer of the preference centre.
answers as (

    select
        contact_id,
        addresses,
        '*' as channel,
        '*' as topic,
        case wants_relationship when 'yes' then 'grant' else 'withdraw' end as action,
        'wants_relationship' as basis,
        is_new_answer,
        is_valid,
        load_date,
        coalesce(answered_at, said_at) as occurred_at
    from contact_versions
    where
        wants_relationship is not null
        and wants_relationship is distinct from wants_relationship_before
    {% for channel in marketing_channels() %}
    union all
    select
        contact_id,
        addresses,
        '{{ channel }}' as channel,
        '*' as topic,
        case
            when array_contains(allowed_channels, '{{ channel }}') then 'grant' else 'withdraw'
        end as action,
        'allowed_channels' as basis,
        is_new_answer,
        is_valid,
        load_date,
        coalesce(answered_at, said_at) as occurred_at
    from contact_versions
    where
        allowed_channels is not null
        and array_contains(allowed_channels, '{{ channel }}')
        is distinct from array_contains(allowed_channels_before, '{{ channel }}')
    {% endfor %}
    {% for action, topics in [('grant', 'wanted_topics'), ('withdraw', 'unwanted_topics')] %}
    union all
    select
        contact_id,
        addresses,
        '*' as channel,
        {{ unnested(those_of(topics, 'named', 'not array_contains(topics_before, named)')) }}
            as topic,
        '{{ action }}' as action,
        '{{ topics }}' as basis,
        is_new_answer,
        is_valid,
        load_date,
        coalesce(answered_at, said_at) as occurred_at
    from (
        select
            *,
            coalesce({{ topics }}_before, {{ empty_list('string') }}) as topics_before
        from contact_versions
    ) as versions
    {% endfor %}

),

from_answers as (

    select
        'hubspot' as source,
        contact_id,
        addresses,
        channel,
        topic,
        action,
        basis,
        case when action = 'withdraw' or is_new_answer then 'explicit' else 'record' end
            as evidence,
        is_valid,
        load_date,
        occurred_at
    from answers

),

-- The CRM: what an address said to the subscriptions, whoever has it.
status_reads as (

    select
        {{ email_key('email') }} as email_key,
        channel,
        subscription_id,
        subscription_status,
        set_by,
        set_at,
        quarantine_reason is null as is_valid,
        load_date,
        subscription_status not in ('SUBSCRIBED', 'NOT_SPECIFIED') as is_refused,
        lag(subscription_status) over (
            partition by {{ email_key('email') }}, channel, subscription_id
            order by
                read_date nulls last,
                load_date nulls last,
                load_id nulls last,
                row_hash nulls last
        ) as status_before
    from {{ ref('base_hubspot__subscription_statuses') }}
    where email is not null

),

-- A status that nobody knows is no leave; one of no channel or subscription that is known is of
-- all.
status_words as (

    select
        reads.email_key,
        case
            when reads.channel in ({{ sql_texts(marketing_channels()) }}) then reads.channel
            else '*'
        end as channel,
        case
            when coalesce(reads.subscription_id, '*') like '*%' then '*'
            else coalesce(definitions.topic, 'subscription_' || reads.subscription_id)
        end as topic,
        case when reads.is_refused then 'withdraw' else 'grant' end as action,
        coalesce('subscription_' || reads.set_by, 'subscription') as basis,
        case
            when
                reads.is_refused
                or {{ is_own_act('reads.set_by') }}
                then 'explicit'
            else 'record'
        end as evidence,
        reads.is_valid and reads.channel in ({{ sql_texts(marketing_channels()) }}) as is_valid,
        reads.load_date,
        case
            when reads.set_at is null or {{ is_implausible('reads.set_at') }}
                then cast(reads.load_date as timestamp)
            else reads.set_at
        end as occurred_at
    from status_reads as reads
    left join {{ ref('stg_hubspot__subscription_definitions') }} as definitions
        on reads.subscription_id = definitions.subscription_id
    where
        (reads.subscription_status = 'SUBSCRIBED' or reads.is_refused)
        and (
            reads.set_at is not null
            or reads.subscription_status is distinct from reads.status_before
        )

),

from_statuses as (

    select
        'hubspot' as source,
        cast(null as string) as contact_id,
        {{ list_of(['words.email_key']) }} as addresses,
        words.channel,
        words.topic,
        words.action,
        words.basis,
        words.evidence,
        words.is_valid,
        words.load_date,
        words.occurred_at
    from status_words as words

),

-- The CRM's own mail: who unsubscribed from everything by a link in it, or called it spam.
from_mail as (

    select
        'hubspot' as source,
        cast(null as string) as contact_id,
        {{ list_of(['events.email_key']) }} as addresses,
        'email' as channel,
        '*' as topic,
        'withdraw' as action,
        'event_' || events.event_type as basis,
        'explicit' as evidence,
        events.quarantine_reason is null as is_valid,
        events.load_date,
        -- a time that cannot be is the night that brought it
        case
            when events.quarantine_reason is null then events.occurred_at
            else cast(events.load_date as timestamp)
        end as occurred_at
    from (
        select
            {{ email_key('email') }} as email_key,
            event_type,
            occurred_at,
            load_date,
            quarantine_reason
        from {{ ref('base_hubspot__email_events') }}
        where
            email is not null
            and is_refusal
            and (({{ is_staged() }}) or quarantine_reason is not null)
    ) as events

),

-- The CRM's own flag says the same as its wide status but not since when. One that was seen to be
-- set was set then. One that was there from the first adds nothing where the address has a status
-- to say it; without one it dates from the version that first had it.
from_flags as (

    select
        'hubspot' as source,
        contact_id,
        addresses,
        'email' as channel,
        '*' as topic,
        'withdraw' as action,
        'opt_out_flag' as basis,
        'explicit' as evidence,
        is_valid,
        load_date,
        said_at as occurred_at
    from contact_versions
    where
        has_opted_out_of_email
        and has_opted_out_before is distinct from true
        and (
            has_opted_out_before is not null
            or contact_versions.email_key is null
            or not exists (
                select 1
                from status_words
                where
                    status_words.email_key = contact_versions.email_key
                    and status_words.action = 'withdraw'
                    and status_words.channel = 'email'
                    and status_words.topic = '*'
            )
        )

),

-- A source that the firm declared: each word with its time; one without a time is a state, said
-- anew when it differs from the one before. Who was never asked has not said no; of whom a grant is
-- not told any more has, and a word that nobody can read tells none.
mapped_states as (

    select
        source,
        contact_id,
        addresses,
        channel,
        topic,
        coalesce(action, 'unasked') as action,
        basis,
        evidence,
        is_quarantined,
        load_date,
        occurred_at,
        said_at,
        lag(coalesce(action, 'unasked')) over (
            partition by
                source, coalesce(contact_id, {{ joined('addresses', ';') }}), channel, topic
            order by
                coalesce(occurred_at, said_at) nulls last,
                load_date nulls last,
                load_id nulls last,
                landed_file nulls last,
                landed_line nulls last,
                row_hash nulls last
        ) as action_before
    from {{ ref('base_mapped__consents') }}
    where is_seen and channel is not null

),

from_mapped as (

    select
        source,
        contact_id,
        addresses,
        channel,
        topic,
        case action when 'grant' then 'grant' else 'withdraw' end as action,
        basis,
        case when action = 'grant' then evidence else 'explicit' end as evidence,
        not is_quarantined as is_valid,
        load_date,
        coalesce(occurred_at, said_at) as occurred_at
    from mapped_states
    where
        action is distinct from action_before
        and (action <> 'unasked' or action_before = 'grant')
        or (action <> 'unasked' and occurred_at is not null)

),

said as (

    select * from from_profile_states
    union all
    select * from from_suppressions
    union all
    select * from from_list_suppressions
    union all
    select * from from_events
    union all
    select * from from_answers
    union all
    select * from from_statuses
    union all
    select * from from_mail
    union all
    select * from from_flags
    union all
    select * from from_mapped

)

-- A row in quarantine grants nothing, but what it forbids is forbidden. Nothing is said after it
-- was read: a date beyond the pull proves nothing about when.
select
    source,
    contact_id,
    {{ those_of('addresses', 'address', 'address is not null') }} as addresses,
    channel,
    topic,
    action,
    basis,
    load_date,
    case
        when action = 'grant' and occurred_at >= cast(load_date as timestamp) + interval 2 day
            then 'record'
        else evidence
    end as evidence,
    least(
        occurred_at, cast(load_date as timestamp) + interval 1 day - interval 1 second
    ) as occurred_at
from said
where is_valid or action = 'withdraw'
