with

versions as (

    select * from {{ ref('base_hubspot__contacts') }}

)

select
    contact_id,
    owner_id,
    shop_customer_number,
    email,
    first_name,
    last_name,
    phone,
    lifecycle_stage,
    language_code,
    country_code,
    age_band,
    income_band,
    household_size,
    household_composition,
    home_ownership,
    marital_status,
    kids_count,
    is_archived,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
