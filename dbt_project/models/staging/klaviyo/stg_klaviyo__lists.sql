-- All lists are read every night: one that the newest read does not have is deleted.
with

versions as (

    select * from {{ ref('base_klaviyo__lists') }}

)

select
    list_id,
    list_name,
    topic,
    opt_in_process,
    last_load_date < max(last_load_date) over () as is_archived,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
