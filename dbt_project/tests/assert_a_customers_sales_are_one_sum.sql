-- Value, marketing and the orders themselves say the same of everybody, to the cent.
with

orders as (

    select
        customer_id,
        count(*) filter (where is_kept) as order_count,
        coalesce(sum(reporting_sales_amount), 0) as sales_amount
    from {{ ref('fct_orders') }}
    where customer_id is not null
    group by customer_id

)

select coalesce(valued.customer_id, marketing.customer_id, orders.customer_id) as customer_id
from {{ ref('dim_customer_value') }} as valued
full outer join {{ ref('dim_customer_marketing') }} as marketing
    on valued.customer_id = marketing.customer_id
full outer join orders on valued.customer_id = orders.customer_id
where
    valued.sales_amount is distinct from coalesce(orders.sales_amount, 0)
    or marketing.sales_amount is distinct from coalesce(orders.sales_amount, 0)
    or marketing.attributed_sales_amount + marketing.organic_sales_amount
    is distinct from coalesce(orders.sales_amount, 0)
    or valued.order_count is distinct from coalesce(orders.order_count, 0)
    or marketing.order_count is distinct from coalesce(orders.order_count, 0)
    or marketing.attributed_order_count + marketing.organic_order_count
    is distinct from coalesce(orders.order_count, 0)
