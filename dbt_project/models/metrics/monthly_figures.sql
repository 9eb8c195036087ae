-- The firm month by month: what it sold, and how its customers stood with it at the month's end.
with

orders as (

    select
        cast(date_trunc('month', order_date) as date) as month_date,
        customer_id,
        is_kept,
        reporting_sales_amount is not null as is_summed,
        gross_amount * reporting_rate as gross_amount,
        returned_amount * reporting_rate as returned_amount,
        reporting_sales_amount as net_amount
    from {{ ref('fct_orders') }}
    where order_date <= {{ last_complete_day() }}

),

sold as (

    select
        month_date,
        count(*) filter (where is_kept and is_summed) as order_count,
        count(distinct customer_id) filter (where is_kept and is_summed) as active_customer_count,
        count(*) filter (where is_kept and is_summed and customer_id is null) as guest_order_count,
        count(*) filter (where is_kept and not is_summed) as unconverted_order_count,
        sum(gross_amount) as gross_amount,
        sum(returned_amount) as returned_amount,
        coalesce(sum(net_amount), 0) as net_amount,
        coalesce(sum(net_amount) filter (where customer_id is null), 0) as guest_net_amount
    from orders
    group by month_date

),

stood as (

    select
        cast(date_trunc('month', month_end_date) as date) as month_date,
        sum(customer_count) as customer_count,
        sum(customer_count) filter (where polarity = 'negative') as unhappy_count,
        sum(customer_count) filter (where polarity <> 'unknown') as told_count,
        sum(customer_count) filter (where relationship_type = 'unknown') as unknown_type_count
    from {{ ref('rpt_relationship_portfolio') }}
    where month_end_date <= {{ last_complete_day() }}
    group by cast(date_trunc('month', month_end_date) as date)

),

currency as (

    select max(currency_code) as currency_code
    from {{ ref('rpt_channel_months') }}

),

first_month as (

    select cast(date_trunc('month', min(order_date)) as date) as month_date
    from {{ ref('fct_orders') }}

)

select
    coalesce(sold.month_date, stood.month_date) as month_date,
    last_day(coalesce(sold.month_date, stood.month_date)) <= {{ last_complete_day() }} as is_month_over,
    coalesce(sold.month_date = first_month.month_date, false) as is_first_month,
    cast(currency.currency_code as string) as currency_code,
    cast(stood.customer_count as bigint) as customer_count,
    cast(coalesce(stood.unhappy_count, 0) as double) / nullif(stood.told_count, 0) as unhappy_share,
    cast(coalesce(stood.unknown_type_count, 0) as double) / nullif(stood.customer_count, 0) as unknown_type_share,
    cast(sold.order_count as bigint) as order_count,
    cast(sold.active_customer_count as bigint) as active_customer_count,
    cast(sold.guest_order_count as bigint) as guest_order_count,
    cast(sold.unconverted_order_count as bigint) as unconverted_order_count,
    cast(sold.gross_amount as decimal(18, 3)) as gross_amount,
    cast(sold.returned_amount as decimal(18, 3)) as returned_amount,
    cast(sold.net_amount as decimal(18, 3)) as net_amount,
    cast(sold.guest_net_amount as decimal(18, 3)) as guest_net_amount
from sold
full join stood on sold.month_date = stood.month_date
cross join currency
cross join first_month
