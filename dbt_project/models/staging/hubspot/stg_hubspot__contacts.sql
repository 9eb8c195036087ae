-- Of a contact that was deleted for good nothing stays that names them; what they forbade does.
with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'contacts'

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} as is_removed,
        {{ is_erased('base', 'removals') }} as is_erased
    from {{ ref('base_hubspot__contacts') }} as base
    left join removals
        on base.contact_id = removals.record_id
    where {{ is_staged() }}

)

select
    contact_id,
    owner_id,
    shop_customer_number,
    company_id,
    merged_contact_ids,
    case when not is_erased then email end as email,
    case when not is_erased then first_name end as first_name,
    case when not is_erased then last_name end as last_name,
    case when not is_erased then phone end as phone,
    lifecycle_stage,
    language_code,
    country_code,
    case when not is_erased then city end as city,
    case when not is_erased then job_title end as job_title,
    time_zone,
    age_band,
    income_band,
    household_size,
    household_composition,
    home_ownership,
    marital_status,
    kids_count,
    has_opted_out_of_email,
    declared_relationship,
    wants_relationship,
    wanted_topics,
    unwanted_topics,
    allowed_channels,
    max_marketing_messages_30d,
    allowed_hours,
    allowed_weekdays,
    marketing_pause_until,
    declared_values,
    interests,
    loyalty_status,
    preferences_updated_at,
    unreadable_fields,
    is_archived,
    is_removed,
    case when is_removed then successor_id end as merged_into_contact_id,
    first_load_date,
    created_at,
    updated_at
from versions
