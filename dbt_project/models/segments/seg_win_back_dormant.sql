select
    customer_id,
    cast('win_back_dormant' as varchar) as segment,
    cast(
        'Silent for ' || {{ counted('recency_days', 'day') }}
        || ' after ' || {{ counted('order_count', 'order') }}
        || '; last on ' || last_order_date || '.'
        as varchar
    ) as reason
from {{ ref('dim_customer_value') }}
where
    recency_days >= {{ var('win_back_least_silent_days') }}
    and order_count >= {{ var('win_back_least_order_count') }}
