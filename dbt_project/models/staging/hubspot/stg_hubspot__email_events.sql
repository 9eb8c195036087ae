with

versions as (

    select * from {{ ref('base_hubspot__email_events') }}

)

select
    event_id,
    app_id,
    sending_id,
    email,
    event_type,
    is_refusal,
    is_filtered,
    occurred_at,
    load_date
from versions
where {{ is_staged() }}
