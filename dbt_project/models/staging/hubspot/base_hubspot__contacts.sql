with

landed as (

    {{ landed('hubspot', 'contacts') }}

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as contact_id,
        {{ json_text('properties', '/hubspot_owner_id') }} as owner_id,
        {{ json_text('properties', '/shop_customer_number') }} as shop_customer_number,

        -- direct identifiers
        {{ normalised_email(json_text('properties', '/email')) }} as email,
        {{ json_text('properties', '/firstname') }} as first_name,
        {{ json_text('properties', '/lastname') }} as last_name,
        {{ json_text('properties', '/phone') }} as phone,

        -- text
        {{ json_text('properties', '/lifecyclestage') }} as lifecycle_stage,
        lower({{ json_text('properties', '/hs_language') }}) as language_code,
        upper({{ json_text('properties', '/country') }}) as country_code,
        {{ json_text('properties', '/age') }} as age_band,
        {{ json_text('properties', '/income') }} as income_band,
        {{ json_text('properties', '/household_size') }} as household_size,
        {{ json_text('properties', '/household_comp') }} as household_composition,
        {{ json_text('properties', '/home_ownership') }} as home_ownership,
        {{ json_text('properties', '/marital_status') }} as marital_status,
        {{ json_text('properties', '/kids_count') }} as kids_count,

        -- booleans
        coalesce(try_cast(archived as boolean), false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        properties,
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
        contact_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when contact_id is null then 'id is missing'
            when not {{ is_object('properties') }} then 'properties is not a JSON object'
            when created_at is null then 'created_at is missing or not a time'
            when updated_at is null then 'updated_at is missing or not a time'
            when {{ is_implausible('created_at') }} then 'created_at is implausibly early'
        end as quarantine_reason

    from typed

)

select
    *,
    {{
        version_rank(['contact_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
