{{ config(materialized='table') }}

-- What each record said from which night on. A version counts from the night that landed it, and
-- only if it was newer than all that had landed by then.
with

hubspot as (

    select
        'hubspot' as source,
        contact_id as source_record_id,
        shop_customer_number as external_id,
        email,
        first_name,
        last_name,
        phone,
        {{ phone_region('hubspot', 'country_code') }} as phone_region,
        birth_date,
        postcode,
        city,
        company_name,
        merged_contact_ids as merged_record_ids,
        is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash
    from {{ ref('base_hubspot__contacts') }}
    where quarantine_reason is null

),

klaviyo as (

    select
        'klaviyo' as source,
        profile_id as source_record_id,
        external_id,
        email,
        first_name,
        last_name,
        phone,
        {{ phone_region('klaviyo') }} as phone_region,
        birth_date,
        postcode,
        city,
        company_name,
        cast(null as varchar []) as merged_record_ids,
        false as is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash
    from {{ ref('base_klaviyo__profiles') }}
    where quarantine_reason is null

),

shop as (

    select
        'shop' as source,
        shop_customer_id as source_record_id,
        shop_customer_id as external_id,
        email,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast(null as varchar) as phone,
        {{ phone_region('shop') }} as phone_region,
        cast(null as date) as birth_date,
        cast(null as varchar) as postcode,
        cast(null as varchar) as city,
        cast(null as varchar) as company_name,
        cast(null as varchar []) as merged_record_ids,
        false as is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash
    from {{ ref('base_shop__customers') }}
    where quarantine_reason is null

),

landed as (

    select * from hubspot
    union all
    select * from klaviyo
    union all
    select * from shop

),

-- A record of the future waits for its day, as it does in staging.
seen as (

    select
        *,
        greatest(cast(load_date as date), cast(created_at as date)) as valid_from,
        row_number() over (
            partition by source, source_record_id
            order by updated_at, load_date, load_id, is_archived, row_hash
        ) as version_number
    from landed
    where created_at < {{ cutoff() }}

),

compared as (

    select
        *,
        max(version_number) over (
            partition by source, source_record_id
            order by valid_from
        ) as newest_number
    from seen

)

select
    source,
    source_record_id,
    external_id,
    {{ email_key('email') }} as email_key,
    email,
    first_name,
    last_name,
    {{ name_key('first_name', 'last_name') }} as name_key,
    phone,
    phone_region,
    birth_date,
    postcode,
    city,
    company_name,
    merged_record_ids,
    is_archived,
    created_at,
    updated_at,
    last_load_date,
    valid_from,
    lead(valid_from) over (
        partition by source, source_record_id
        order by valid_from
    ) as valid_to
from compared
where version_number = newest_number
