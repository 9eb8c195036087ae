{{ config(post_hook="{{ note_customers_of_changed(['value_tier']) }}") }}

with

customers as (

    select customer_id from {{ ref('dim_customers') }}

),

orders as (

    select
        customer_id,
        min(order_date) filter (where is_kept) as first_order_date,
        max(order_date) filter (where is_kept) as last_order_date,
        count(*) filter (where is_kept) as order_count,
        count(*) filter (
            where is_kept and {{ day_number(latest_day()) }} - {{ day_number('order_date') }} < 365
        ) as order_count_365d,
        count(*) filter (
            where is_kept and reporting_sales_amount is null
        ) as other_currency_order_count,
        sum(reporting_sales_amount) as sales_amount,
        sum(reporting_sales_amount) filter (
            where {{ day_number(latest_day()) }} - {{ day_number('order_date') }} < 365
        ) as sales_amount_365d
    from {{ ref('fct_orders') }}
    where order_date <= {{ latest_day() }} and customer_id is not null
    group by customer_id

),

measured as (

    select
        customers.customer_id,
        orders.first_order_date,
        orders.last_order_date,
        {{ day_number(latest_day()) }} - {{ day_number('orders.last_order_date') }} as recency_days,
        coalesce(orders.order_count, 0) as order_count,
        coalesce(orders.order_count_365d, 0) as order_count_365d,
        coalesce(orders.other_currency_order_count, 0) as other_currency_order_count,
        coalesce(orders.sales_amount, 0) as sales_amount,
        coalesce(orders.sales_amount_365d, 0) as sales_amount_365d,
        -- what the quintiles rank: null, and so unranked, without an order or any amount that is known
        case when orders.order_count > 0 then orders.order_count end as ranked_order_count,
        case when orders.order_count > 0 then orders.sales_amount end as ranked_sales_amount
    from customers
    left join orders on customers.customer_id = orders.customer_id

),

ranked as (

    select
        *,
        {{ quintile('recency_days', best='lowest') }} as recency_quintile,
        {{ quintile('ranked_order_count') }} as frequency_quintile,
        {{ quintile('ranked_sales_amount') }} as monetary_quintile
    from measured

)

select
    customer_id,
    {{ as_of_date() }} as as_of_date,
    first_order_date,
    last_order_date,
    cast(recency_days as bigint) as recency_days,
    cast(order_count as bigint) as order_count,
    cast(order_count_365d as bigint) as order_count_365d,
    cast(other_currency_order_count as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(sales_amount as decimal(18, 3)) as sales_amount,
    cast(sales_amount_365d as decimal(18, 3)) as sales_amount_365d,
    cast({{ value_tier('sales_amount_365d') }} as varchar) as value_tier,
    case
        when order_count > other_currency_order_count
            then
                cast(
                    cast(sales_amount as double) / (order_count - other_currency_order_count)
                    as decimal(18, 3)
                )
    end as average_order_amount,
    recency_quintile,
    frequency_quintile,
    monetary_quintile,
    cast(
        cast(recency_quintile as varchar)
        || cast(frequency_quintile as varchar)
        || cast(monetary_quintile as varchar)
        as varchar
    ) as rfm_cell
from ranked
