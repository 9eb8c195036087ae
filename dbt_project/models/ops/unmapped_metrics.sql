-- A return that is shown as one but that no policy takes for a refund leaves its sales as they are.
{% set of_orders = var('refunded_order_metrics') + var('cancelled_order_metrics') %}

select
    events.metric_id,
    metrics.metric_name,
    case
        when events.metric_id is null then 'klaviyo'
        when meanings.metric_name is null then 'klaviyo_metrics'
        else 'refunded_order_metrics'
    end as missing_in,
    count(*) as event_count,
    min(events.occurred_at) as first_event_at,
    max(events.occurred_at) as last_event_at
from {{ ref('stg_klaviyo__events') }} as events
left join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
left join {{ ref('klaviyo_metrics') }} as meanings on metrics.metric_name = meanings.metric_name
where
    meanings.metric_name is null
    or (meanings.event_type = 'returned' and not {{ is_one_of('metrics.metric_name', of_orders) }})
group by events.metric_id, metrics.metric_name, meanings.metric_name
