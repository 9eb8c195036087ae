with

landed as (

    {{ landed('klaviyo', 'events') }}

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as event_id,
        {{ clean_text('profile_id') }} as profile_id,
        {{ clean_text('metric_id') }} as metric_id,
        {{ json_text('attributes', '/event_properties/$message') }} as message_id,
        {{ json_text('attributes', '/event_properties/campaign_id') }} as campaign_id,
        {{ json_text('attributes', '/event_properties/coupon_upc') }} as coupon_upc,

        -- timestamps
        {{ utc_timestamp('datetime') }} as occurred_at,

        -- the row as it came
        attributes,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        payload

    from landed

),

checked as (

    select
        *,
        event_id as record_key,
        occurred_at < {{ cutoff() }} as is_seen,
        case
            when event_id is null then 'id is missing'
            when profile_id is null then 'profile_id is missing'
            when metric_id is null then 'metric_id is missing'
            when not {{ is_object('attributes') }} then 'attributes is not a JSON object'
            when occurred_at is null then 'datetime is missing or not a time'
            when {{ is_implausible('occurred_at') }} then 'datetime is implausibly early'
            when occurred_at >= cast(load_date as timestamp) + interval 2 day
                then 'datetime is more than a day after the pull'
        end as quarantine_reason

    from typed

)

select
    *,
    {{ version_rank(['event_id']) }} as version_rank
from checked
