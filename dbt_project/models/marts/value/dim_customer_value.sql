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

),

-- what the models say of everybody who has bought (rpt_value_model)
foretold as (

    select
        buyers.customer_id,
        scores.p_alive,
        scores.expected_count,
        scores.low_count,
        scores.high_count,
        scores.discounted_year_count,
        (factors.prior_amount + buyers.spend_amount) * factors.mean_factor as order_value,
        (factors.prior_amount + buyers.spend_amount) * factors.low_factor as low_order_value,
        (factors.prior_amount + buyers.spend_amount) * factors.high_factor as high_order_value
    from {{ ref('int_value__buyers') }} as buyers
    left join {{ ref('int_value__order_scores') }} as scores
        on
            buyers.span = scores.span
            and buyers.repeat_count = scores.repeat_count
            and buyers.recency_days = scores.recency_days
            and buyers.age_days = scores.age_days
    left join {{ ref('int_value__spend_factors') }} as factors
        on buyers.span = factors.span and buyers.spend_count = factors.spend_count
    where buyers.span = 'whole'

)

select
    ranked.customer_id,
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
    cast({{ value_tier('sales_amount_365d') }} as string) as value_tier,
    case
        when order_count > other_currency_order_count
            then
                cast(
                    round(
                        cast(sales_amount as double) / (order_count - other_currency_order_count) * 1e3
                    ) / 1e3 as decimal(18, 3)
                )
    end as average_order_amount,
    recency_quintile,
    frequency_quintile,
    monetary_quintile,
    cast(
        cast(recency_quintile as string)
        || cast(frequency_quintile as string)
        || cast(monetary_quintile as string)
        as string
    ) as rfm_cell,
    cast(round(foretold.p_alive * 1e6) / 1e6 as double) as p_alive,
    cast(round(foretold.expected_count * 1e6) / 1e6 as double) as expected_orders_90d,
    cast(foretold.low_count as bigint) as expected_orders_90d_low,
    cast(foretold.high_count as bigint) as expected_orders_90d_high,
    cast(round(foretold.order_value * 1e3) / 1e3 as decimal(18, 3)) as expected_order_value,
    cast(round(foretold.low_order_value * 1e3) / 1e3 as decimal(18, 3)) as expected_order_value_low,
    cast(round(foretold.high_order_value * 1e3) / 1e3 as decimal(18, 3)) as expected_order_value_high,
    cast(
        round(
            foretold.discounted_year_count * foretold.order_value * cast({{ var('gross_margin_share') }} as double) * 1e3
        ) / 1e3 as decimal(18, 3)
    ) as clv_365d
from ranked
left join foretold on ranked.customer_id = foretold.customer_id
