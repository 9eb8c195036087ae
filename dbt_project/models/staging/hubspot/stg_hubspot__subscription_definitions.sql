with

versions as (

    select * from {{ ref('base_hubspot__subscription_definitions') }}

)

select
    subscription_id,
    subscription_name,
    topic,
    purpose,
    channel,
    is_active,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
