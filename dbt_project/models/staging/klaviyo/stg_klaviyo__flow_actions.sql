with

versions as (

    select * from {{ ref('base_klaviyo__flow_actions') }}

)

select
    action_id,
    flow_id,
    message_id,
    action_type,
    action_status,
    message_name,
    is_transactional
from versions
where {{ is_staged() }}
