with

versions as (

    select * from {{ ref('base_hubspot__subscription_statuses') }}

)

select
    email,
    channel,
    subscription_id,
    subscription_status,
    legal_basis,
    set_by,
    read_date,
    set_at
from versions
where {{ is_staged() }}
