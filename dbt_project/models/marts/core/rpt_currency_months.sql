with

orders as (

    select
        cast(date_trunc('month', order_date) as date) as month_date,
        currency_code,
        reporting_rate,
        is_kept,
        sales_amount,
        reporting_sales_amount
    from {{ ref('fct_orders') }}

)

select
    month_date,
    cast(currency_code as string) as currency_code,
    cast({{ reporting_currency() }} as string) as reporting_currency_code,
    cast(max(reporting_rate) as decimal(18, 9)) as reporting_rate,
    cast(count(*) filter (where is_kept) as bigint) as order_count,
    cast(sum(sales_amount) as decimal(18, 3)) as sales_amount,
    cast(sum(reporting_sales_amount) as decimal(18, 3)) as reporting_sales_amount
from orders
group by month_date, currency_code
