with

versions as (

    select * from {{ ref('base_klaviyo__campaigns') }}

)

select
    campaign_id,
    message_ids,
    channel,
    campaign_name,
    campaign_status,
    tags,
    is_archived,
    created_at,
    updated_at,
    sent_at
from versions
where {{ is_staged() }}
