select
    events.metric_id,
    metrics.metric_name,
    count(*) as event_count,
    min(events.occurred_at) as first_event_at,
    max(events.occurred_at) as last_event_at
from {{ ref('stg_klaviyo__events') }} as events
left join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
left join {{ ref('klaviyo_metrics') }} as meanings on metrics.metric_name = meanings.metric_name
where meanings.metric_name is null
group by events.metric_id, metrics.metric_name
