-- By their own rhythm: who comes every week is late after three, who comes every quarter is not.
-- Of whom too few gaps are known, nothing is. Where a model says how likely they are to order again
-- it has a say: who is silent for long and yet likely to come back is not lost.
select
    value.customer_id,
    cast(
        'Usually orders every ' || {{ days_in_words('habits.median_days_between_orders') }} || ' ('
        || {{ counted('habits.gap_count', 'gap') }} || '), and has been silent for '
        || {{ counted('value.recency_days', 'day') }} || ', since '
        || cast(value.last_order_date as string) || '; ordered for '
        || {{ money_text('value.sales_amount_365d') }} || ' ' || value.currency_code
        || ' in 365 days'
        || case
            when value.p_alive is null then ''
            else
                '; likely to order again: '
                || cast(cast(round(100 * value.p_alive) as bigint) as string) || ' in 100'
        end
        || '.' as string
    ) as reason,
    cast(round(cast(value.sales_amount_365d as double) * 1e3) / 1e3 as double) as urgency
from {{ ref('dim_customer_value') }} as value
inner join {{ ref('dim_customer_habits') }} as habits on value.customer_id = habits.customer_id
where
    value.value_tier in ({{ sql_texts(var('churn_risk_value_tiers')) }})
    and value.recency_days >= {{ var('churn_risk_least_silent_days') }}
    and value.recency_days >= {{ var('churn_risk_least_gaps') }} * habits.median_days_between_orders
    and coalesce(value.p_alive <= {{ var('churn_risk_most_p_alive') }}, true)
