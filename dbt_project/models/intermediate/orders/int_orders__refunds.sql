{{ config(materialized='table') }}

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
from {{ ref('int_orders__refund_events') }}
where order_id is not null
group by order_id
