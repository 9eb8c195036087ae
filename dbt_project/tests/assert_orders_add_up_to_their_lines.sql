with

lines as (

    select
        order_id,
        count(*) as line_count,
        sum(item_quantity) filter (where quantity_unit is null) as item_quantity,
        sum(sales_amount) as sales_amount
    from {{ ref('fct_order_lines') }}
    group by order_id

)

select orders.order_id
from {{ ref('fct_orders') }} as orders
full outer join lines on orders.order_id = lines.order_id
where
    orders.order_id is null
    or orders.line_count <> coalesce(lines.line_count, 0)
    or orders.item_quantity <> coalesce(lines.item_quantity, 0)
    or orders.sales_amount <> coalesce(lines.sales_amount, 0)
