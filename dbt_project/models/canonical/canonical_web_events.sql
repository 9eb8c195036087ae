select
    cast('klaviyo' as varchar) as source,
    events.event_id,
    events.profile_id as contact_id,
    meanings.event_type,
    meanings.channel,
    events.product_id,
    events.categories,
    events.search_term,
    events.coupon_upc,
    events.campaign_id,
    events.occurred_at
from {{ ref('stg_klaviyo__events') }} as events
inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
inner join {{ ref('klaviyo_metrics') }} as meanings on metrics.metric_name = meanings.metric_name
where meanings.is_touchpoint and not {{ is_of_message('meanings.event_type') }}
union all
select
    source,
    event_id,
    contact_id,
    event_type,
    channel,
    product_id,
    categories,
    search_term,
    coupon_upc,
    campaign_id,
    occurred_at
from {{ ref('base_mapped__web_events') }}
where {{ is_staged() }}
