select
    cast('klaviyo' as string) as source,
    events.event_id,
    events.profile_id as contact_id,
    meanings.event_type,
    meanings.channel,
    events.product_id,
    events.categories,
    events.search_term,
    events.coupon_upc,
    events.campaign_id,
    cast(null as boolean) as is_automated,
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
    -- a term that is somebody's address or number says who they are, not what they look for
    case
        when not {{ looks_like_an_identifier('search_term') }} then lower(search_term)
    end as search_term,
    coupon_upc,
    campaign_id,
    is_automated,
    occurred_at
from {{ ref('base_mapped__web_events') }}
where {{ is_staged() }}
