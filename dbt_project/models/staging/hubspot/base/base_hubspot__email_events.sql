{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        meta={'version_key': ['event_id']},
        pre_hook="{{ age_typed_rows('hubspot', seen_at='occurred_at') }}",
        post_hook="{{ rank_anew() }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('hubspot', 'email_events')) }}

),

opened as (

    select
        *,
        {{ json_members('attributes', ['filteredEvent', 'portalSubscriptionStatus']) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as event_id,
        {{ clean_text('app_id') }} as app_id,
        {{ clean_text('email_campaign_id') }} as sending_id,

        -- direct identifiers
        {{ normalised_email('recipient') }} as email,

        -- text
        lower({{ clean_text('type') }}) as event_type,
        lower({{ clean_text('members.portalsubscriptionstatus') }}) as portal_status,

        -- booleans
        coalesce({{ boolean('members.filteredevent') }}, false) as is_filtered,

        -- timestamps
        {{ utc_timestamp('created_at') }} as occurred_at,

        -- the row as it came
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        event_id,
        app_id,
        sending_id,
        email,
        event_type,
        portal_status,
        is_filtered,
        occurred_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        event_id as record_key,
        occurred_at < {{ cutoff() }} as is_seen,
        -- said of everything that the firm mails; of one subscription, the statuses say it
        event_type in ('unsubscribed', 'spamreport')
        or (event_type = 'statuschange' and coalesce(portal_status = 'unsubscribed', false))
            as is_refusal,
        case
            when event_id is null then 'id is missing'
            when event_type is null then 'type is missing'
            -- an address that is no longer thought to bounce: all but this name one
            when email is null and event_type <> 'unbounce' then 'recipient is not an address'
            when occurred_at is null then 'created is missing or not a time'
            when {{ is_implausible('occurred_at') }} then 'created is implausibly early'
            when occurred_at >= cast(load_date as timestamp) + interval 2 day
                then 'created is more than a day after the pull'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ ranked_when_typed() }}
from checked
