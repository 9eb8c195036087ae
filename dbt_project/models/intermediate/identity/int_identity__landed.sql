-- What every landed version of every record of a person said, in one shape.
select
    'hubspot' as source,
    contact_id as source_record_id,
    shop_customer_number as external_id,
    email,
    additional_emails,
    first_name,
    last_name,
    list_filter(
        [phone, mobile_phone, calculated_phone, calculated_mobile_phone],
        lambda number: number is not null
    ) as phones,
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
union all
select
    'klaviyo' as source,
    profile_id as source_record_id,
    external_id,
    email,
    cast([] as varchar []) as additional_emails,
    first_name,
    last_name,
    list_filter([phone], lambda number: number is not null) as phones,
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
union all
select
    'shop' as source,
    shop_customer_id as source_record_id,
    shop_customer_id as external_id,
    email,
    cast([] as varchar []) as additional_emails,
    cast(null as varchar) as first_name,
    cast(null as varchar) as last_name,
    cast([] as varchar []) as phones,
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
