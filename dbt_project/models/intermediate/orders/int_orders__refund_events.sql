{{ config(materialized='table') }}

-- What the mailing tool was told by the shop system: the order is named by a property of the event,
-- or the event has the order's id. One whose order is not known (yet) takes nothing back, and is
-- counted as waiting.
{% set cancelled = var('cancelled_order_metrics') %}
{% set all_of_them = cancelled + var('refunded_order_metrics') %}

with

told as (

    select
        events.event_id,
        events.order_id,
        events.order_amount,
        coalesce(events.is_amount_unreadable, false) as is_unreadable,
        {{ is_one_of('metrics.metric_name', cancelled) }} as is_cancelled
    from {{ ref('stg_klaviyo__events') }} as events
    inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
    where {{ is_one_of('metrics.metric_name', all_of_them) }}

)

select
    'klaviyo' as source,
    told.event_id,
    told.order_id as told_order_id,
    told.order_amount,
    told.is_unreadable,
    told.is_cancelled,
    coalesce(named.order_id, same.order_id) as order_id,
    coalesce(named.channel, same.channel) as channel
from told
left join {{ ref('int_orders__with_customers') }} as named on told.order_id = named.order_id
left join {{ ref('int_orders__with_customers') }} as same on told.event_id = same.order_id
