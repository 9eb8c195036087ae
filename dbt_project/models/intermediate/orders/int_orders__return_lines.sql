{{ config(materialized='table') }}

-- Whose sale a return takes back: of the order that it names, else of its own order, else the
-- customer's latest sale of the article before it, of at least that quantity. A sale takes back no
-- more than it gave, the earliest return first; for what is beyond that, or finds no sale, nothing
-- is guessed: it lowers the sales of its own day.
with

lines as (

    select * from {{ ref('int_orders__signed_lines') }}

),

returns as (

    select
        *,
        abs(item_quantity) as returned_quantity,
        abs(sales_amount) as returned_amount
    from lines
    where is_return

),

sales as (

    select lines.*
    from lines
    where
        not lines.is_return
        and lines.product_id in (select returns.product_id from returns)

),

possible as (

    select
        returns.order_id,
        returns.product_id,
        returns.line_number,
        sales.order_id as sold_order_id,
        sales.line_number as sold_line_number,
        sales.item_quantity as sold_quantity,
        sales.sales_amount as sold_amount,
        sales.ordered_at as sold_at
    from returns
    inner join sales
        on
            returns.product_id = sales.product_id
            and returns.currency_code = sales.currency_code
            and coalesce(returns.returned_order_id, returns.order_id) = sales.order_id
    union all
    select
        returns.order_id,
        returns.product_id,
        returns.line_number,
        sales.order_id as sold_order_id,
        sales.line_number as sold_line_number,
        sales.item_quantity as sold_quantity,
        sales.sales_amount as sold_amount,
        sales.ordered_at as sold_at
    from returns
    inner join sales
        on
            returns.product_id = sales.product_id
            and returns.currency_code = sales.currency_code
            and returns.customer_id = sales.customer_id
            and returns.ordered_at > sales.ordered_at
    where returns.returned_order_id is null

),

-- One sale each: of its own order before others, then the latest.
found as (

    select
        returns.*,
        possible.sold_order_id,
        possible.sold_line_number,
        possible.sold_quantity,
        possible.sold_amount
    from returns
    inner join possible
        on
            returns.order_id = possible.order_id
            and returns.product_id = possible.product_id
            and returns.line_number = possible.line_number
    where returns.returned_quantity <= possible.sold_quantity
    qualify row_number() over (
        partition by returns.order_id, returns.product_id, returns.line_number
        order by
            case when returns.order_id = possible.sold_order_id then 0 else 1 end asc,
            possible.sold_at desc,
            possible.sold_order_id asc,
            possible.sold_line_number asc
    ) = 1

),

summed as (

    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        sold_quantity,
        greatest(sold_amount, 0) as sold_amount,
        returned_amount,
        sum(returned_quantity) over earlier as quantity_so_far,
        sum(returned_amount) over earlier as amount_so_far
    from found
    window
        earlier as (
            partition by sold_order_id, product_id, sold_line_number
            order by ordered_at, order_id, line_number
            rows between unbounded preceding and current row
        )

),

accepted as (

    select
        order_id,
        product_id,
        line_number,
        sold_order_id,
        sold_line_number,
        least(amount_so_far, sold_amount)
        - least(amount_so_far - returned_amount, sold_amount) as booked_amount
    from summed
    where quantity_so_far <= sold_quantity

)

select
    returns.order_id,
    returns.product_id,
    returns.line_number,
    returns.customer_id,
    returns.returned_quantity,
    returns.returned_amount,
    accepted.sold_order_id,
    accepted.sold_line_number,
    -- what no sale takes back stays on the return's own day
    cast(coalesce(accepted.booked_amount, 0) as decimal(18, 3)) as booked_amount
from returns
left join accepted
    on
        returns.order_id = accepted.order_id
        and returns.product_id = accepted.product_id
        and returns.line_number = accepted.line_number
