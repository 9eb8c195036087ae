with

versions as (

    select * from {{ ref('base_klaviyo__flow_messages') }}

)

select
    message_id,
    flow_id,
    action_id,
    message_name,
    channel,
    is_transactional
from versions
where {{ is_staged() }}
