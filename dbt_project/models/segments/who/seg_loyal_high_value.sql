-- Who orders often, recently and for much, by fifths of all customers.
select
    customer_id,
    cast(
        'Ordered ' || {{ counted('order_count', 'time') }}
        || ' for ' || {{ money_text('sales_amount') }}
        || ' ' || currency_code || ', last on ' || cast(last_order_date as string)
        || ' (recency, frequency, value: ' || rfm_cell || ').' as string
    ) as reason,
    cast(round(cast(sales_amount as double) * 1e3) / 1e3 as double) as urgency
from {{ ref('dim_customer_value') }}
where
    recency_quintile >= {{ var('loyal_least_recency_quintile') }}
    and frequency_quintile >= {{ var('loyal_least_frequency_quintile') }}
    and monetary_quintile >= {{ var('loyal_least_monetary_quintile') }}
    -- whoever came once has not come back yet
    and order_count > 1
