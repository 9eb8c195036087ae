with

versions as (

    select * from {{ ref('base_klaviyo__campaign_messages') }}

)

select
    message_id,
    campaign_id,
    message_name,
    channel
from versions
where {{ is_staged() }}
