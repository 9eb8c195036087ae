with

versions as (

    select * from {{ ref('base_klaviyo__profiles') }}

)

select
    profile_id,
    external_id,
    email,
    first_name,
    last_name,
    phone,
    locale,
    email_consent,
    can_receive_email_marketing,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
