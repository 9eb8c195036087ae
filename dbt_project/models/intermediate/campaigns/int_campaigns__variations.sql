-- What marketers call the variations of a test: each is a message of its own in the tool that
-- sends it.
select
    message_id as variation_id,
    message_name as variation_name
from {{ ref('stg_klaviyo__flow_messages') }}
union all
select
    message_id as variation_id,
    message_name as variation_name
from {{ ref('stg_klaviyo__campaign_messages') }}
union all
select
    variation_id,
    max(message_name) as variation_name
from {{ ref('int_campaigns__hubspot_sendings') }}
where variation_id is not null
group by variation_id
