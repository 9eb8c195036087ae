{{ config(materialized='table') }}

-- What went back of each line that was sold. The shop and the mailing tool may tell of the same
-- return, so the two are never added up: what the mailing tool refunded beyond the shop's own
-- returns is shared out among the lines of the order by what is left of them.
with

returned as (

    select
        sold_order_id as order_id,
        product_id,
        sold_line_number as line_number,
        sum(returned_quantity) as returned_quantity,
        sum(booked_amount) as returned_amount
    from {{ ref('int_orders__return_lines') }}
    where sold_order_id is not null
    group by sold_order_id, product_id, sold_line_number

),

whole as (

    select
        orders.order_id,
        orders.is_cancelled_in_shop
        or coalesce(refunds.is_cancelled, false) as is_cancelled,
        orders.is_cancelled_in_shop
        or orders.is_returned_in_shop
        or coalesce(refunds.is_whole, false) as is_whole,
        coalesce(refunds.refunded_amount, 0) as refunded_amount
    from {{ ref('int_orders__with_customers') }} as orders
    left join {{ ref('int_orders__refunds') }} as refunds on orders.order_id = refunds.order_id
    where
        orders.is_cancelled_in_shop
        or orders.is_returned_in_shop
        or refunds.order_id is not null

),

concerned as (

    select order_id from whole
    union
    select order_id from returned

),

lines as (

    select
        lines.order_id,
        lines.product_id,
        lines.line_number,
        lines.item_quantity,
        lines.sales_amount,
        coalesce(whole.is_cancelled, false) as is_cancelled,
        coalesce(whole.is_whole, false) as is_whole_told,
        coalesce(whole.refunded_amount, 0) as refunded_amount,
        coalesce(returned.returned_quantity, 0) as returned_quantity,
        coalesce(returned.returned_amount, 0) as returned_amount,
        greatest(lines.sales_amount - coalesce(returned.returned_amount, 0), 0) as left_amount
    from {{ ref('int_orders__signed_lines') }} as lines
    inner join concerned on lines.order_id = concerned.order_id
    left join whole on lines.order_id = whole.order_id
    left join returned
        on
            lines.order_id = returned.order_id
            and lines.product_id = returned.product_id
            and lines.line_number = returned.line_number
    where not lines.is_return

),

summed as (

    select
        *,
        -- what was paid, vouchers taken off, given back is everything
        is_whole_told
        or (
            refunded_amount > 0
            and refunded_amount >= sum(sales_amount) over whole_order
        ) as is_whole,
        sum(left_amount) over whole_order as order_left_amount,
        greatest(refunded_amount - sum(returned_amount) over whole_order, 0) as further_amount,
        sum(left_amount) over up_to_line as left_so_far
    from lines
    window
        whole_order as (partition by order_id),
        up_to_line as (
            partition by order_id
            order by product_id nulls last, line_number nulls last
            rows between unbounded preceding and current row
        )

),

-- Shares are the differences of rounded sums, so that together they are the refund to the cent.
shared as (

    select
        *,
        {{ share_of_refund('left_so_far') }}
        - {{ share_of_refund('(left_so_far - left_amount)') }} as shared_amount
    from summed

)

select
    order_id,
    product_id,
    line_number,
    is_cancelled,
    cast(
        case
            when is_whole or (returned_amount + shared_amount >= sales_amount and sales_amount > 0)
                then greatest(item_quantity, 0)
            else returned_quantity
        end as decimal(18, 3)
    ) as returned_quantity,
    cast(
        case when is_whole then sales_amount else returned_amount + shared_amount end
        as decimal(18, 3)
    ) as returned_amount,
    -- all of it went back, whatever was charged for that
    is_whole
    or (item_quantity > 0 and returned_quantity >= item_quantity)
    or (sales_amount > 0 and returned_amount + shared_amount >= sales_amount) as is_returned
from shared
where is_whole or returned_quantity > 0 or returned_amount + shared_amount <> 0
