{{ config(materialized='table') }}

-- What the mailing tool was told by the shop system: the order is named by a property of the event,
-- or the event has the order's id.
{% set cancelled = var('cancelled_order_metrics') %}
{% set all_of_them = cancelled + var('refunded_order_metrics') %}

with

told as (

    select
        events.event_id,
        events.order_id,
        events.order_amount,
        coalesce(events.is_amount_unreadable, false) as is_unreadable,
        events.occurred_at,
        {{ is_one_of('metrics.metric_name', cancelled) }} as is_cancelled
    from {{ ref('stg_klaviyo__events') }} as events
    inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
    where {{ is_one_of('metrics.metric_name', all_of_them) }}

),

tied as (

    select
        told.event_id,
        told.order_amount,
        told.is_unreadable,
        told.is_cancelled,
        coalesce(named.order_id, same.order_id) as order_id
    from told
    left join {{ ref('stg_shop__orders') }} as named on told.order_id = named.order_id
    left join {{ ref('stg_shop__orders') }} as same on told.event_id = same.order_id

)

select
    order_id,
    bool_or(is_cancelled) as is_cancelled,
    -- a refund without an amount is of everything; of one whose amount cannot be read nobody knows
    -- how much, and it takes nothing back
    bool_or(is_cancelled or (order_amount is null and not is_unreadable)) as is_whole,
    count(*) filter (where is_unreadable and not is_cancelled) as unreadable_count,
    cast(
        coalesce(sum(abs(order_amount)) filter (where not is_cancelled), 0) as decimal(18, 3)
    ) as refunded_amount
from tied
where order_id is not null
group by order_id
