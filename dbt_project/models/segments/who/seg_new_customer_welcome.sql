-- Who ordered for the first time lately, is no regular yet, and whose first order is known to be one: the shop's orders
-- go back far enough.
with

value as (

    select
        *,
        {{ day_number(latest_day()) }} - {{ day_number('first_order_date') }} as days_since
    from {{ ref('dim_customer_value') }}

),

known as (

    select min(first_order_date) as begins_date from value

)

select
    value.customer_id,
    cast(
        'Ordered for the first time on ' || cast(value.first_order_date as string) || ', '
        || {{ counted('value.days_since', 'day') }} || ' ago; '
        || {{ counted('value.order_count', 'order') }}
        || coalesce(' for ' || {{ money_text('value.sales_amount') }} || ' ' || value.currency_code, '')
        || ' so far.' as string
    ) as reason,
    cast(-value.days_since as double) as urgency
from value
cross join known
where
    value.days_since < {{ var('welcome_within_days') }}
    and value.order_count <= {{ var('welcome_most_orders') }}
    and value.first_order_date >= known.begins_date + {{ var('welcome_least_history_days') }}
