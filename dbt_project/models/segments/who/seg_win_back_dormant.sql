-- Who had a habit of ordering and has been silent for longer than a pause.
select
    customer_id,
    cast(
        'Silent for ' || {{ counted('recency_days', 'day') }}
        || ' after ' || {{ counted('order_count', 'order') }}
        || '; last on ' || cast(last_order_date as string) || '.' as string
    ) as reason,
    cast(order_count as double) as urgency
from {{ ref('dim_customer_value') }}
where
    recency_days >= {{ var('win_back_least_silent_days') }}
    and order_count >= {{ var('win_back_least_order_count') }}
