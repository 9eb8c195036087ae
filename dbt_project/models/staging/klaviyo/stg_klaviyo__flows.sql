with

versions as (

    select * from {{ ref('base_klaviyo__flows') }}

)

select
    flow_id,
    flow_name,
    flow_status,
    trigger_type,
    tags,
    is_archived
from versions
where {{ is_staged() }}
