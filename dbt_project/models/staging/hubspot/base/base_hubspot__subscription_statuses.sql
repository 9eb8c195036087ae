with

landed as (

    {{ landed('hubspot', 'subscription_statuses') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', ['legalBasis', 'source']) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('subscription_id') }} as subscription_id,

        -- direct identifiers
        {{ normalised_email('subscriber') }} as email,

        -- text
        lower({{ clean_text('channel') }}) as channel,
        upper({{ clean_text('status') }}) as subscription_status,
        lower({{ clean_text('members.legalbasis') }}) as legal_basis,
        {{ topic_of('members.source') }} as set_by,

        -- dates
        cast({{ utc_timestamp('read_on') }} as date) as read_date,

        -- timestamps
        {{ utc_timestamp('set_at') }} as set_at,

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
        subscription_id,
        email,
        channel,
        subscription_status,
        legal_basis,
        set_by,
        read_date,
        set_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(channel, '') || ':' || coalesce(subscription_id, '') as record_key,
        coalesce(set_at < {{ cutoff() }}, true) as is_seen,
        case
            when email is null then 'subscriber is not an address'
            when channel is null then 'channel is missing'
            when subscription_id is null then 'subscription_id is missing'
            when subscription_status is null then 'status is missing'
            when {{ is_no_time('raw.read_on', 'read_date') }} then 'read_on is not a date'
            when {{ is_no_time('raw.set_at', 'set_at') }} then 'set_at is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{
        version_rank(['email', 'channel', 'subscription_id'], changed_at='read_date')
    }} as version_rank
from checked
