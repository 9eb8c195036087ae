select
    customer_id,
    cast('loyal_high_value' as varchar) as segment,
    cast(
        'Ordered ' || {{ counted('order_count', 'time') }}
        || ' for ' || {{ money_text('sales_amount') }}
        || ' ' || currency_code || ', last on ' || last_order_date
        || ' (recency, frequency, value: ' || rfm_cell || ').'
        as varchar
    ) as reason
from {{ ref('dim_customer_value') }}
where
    recency_quintile >= {{ var('loyal_least_recency_quintile') }}
    and frequency_quintile >= {{ var('loyal_least_frequency_quintile') }}
    and monetary_quintile >= {{ var('loyal_least_monetary_quintile') }}
    -- whoever came once has not come back yet
    and order_count > 1
