with

landed as (

    {{ landed('klaviyo', 'profiles') }}

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as profile_id,
        {{ json_text('attributes', '/external_id') }} as external_id,

        -- direct identifiers
        {{ normalised_email(json_text('attributes', '/email')) }} as email,
        {{ json_text('attributes', '/first_name') }} as first_name,
        {{ json_text('attributes', '/last_name') }} as last_name,
        {{ json_text('attributes', '/phone_number') }} as phone,

        -- text
        {{ json_text('attributes', '/locale') }} as locale,
        {{ json_text('attributes', '/subscriptions/email/marketing/consent') }} as email_consent,

        -- booleans
        try_cast(
            {{ json_text(
                'attributes', '/subscriptions/email/marketing/can_receive_email_marketing'
            ) }} as boolean
        ) as can_receive_email_marketing,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,
        {{ utc_timestamp('updated') }} as updated_at,

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
        profile_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when profile_id is null then 'id is missing'
            when not {{ is_object('attributes') }} then 'attributes is not a JSON object'
            when created_at is null then 'created is missing or not a time'
            when updated_at is null then 'updated is missing or not a time'
            when {{ is_implausible('created_at') }} then 'created is implausibly early'
        end as quarantine_reason

    from typed

)

select
    *,
    {{ version_rank(['profile_id'], changed_at='updated_at') }} as version_rank
from checked
