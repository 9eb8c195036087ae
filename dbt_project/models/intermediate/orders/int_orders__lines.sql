-- A line that brings something back has the amount that no sale takes back, on its own day.
with

-- A return may take back several sales: it shows the one that most of it takes back.
return_lines as (

    select
        order_id,
        product_id,
        line_number,
        bool_or(is_cancelled) as is_cancelled,
        max_by(
            returned_order_id, {{ record_of(['returned_quantity', 'returned_order_id']) }}
        ) filter (where sold_order_id is not null) as taken_back_order_id,
        sum(returned_quantity) filter (where sold_order_id is null) as left_quantity,
        sum(returned_amount - booked_amount) as left_amount
    from {{ ref('int_orders__return_lines') }}
    group by order_id, product_id, line_number

),

booked as (

    select
        lines.order_id,
        lines.product_id,
        cast(lines.line_number as bigint) as line_number,
        lines.line_id,
        cast(lines.product_class as string) as product_class,
        lines.customer_id,
        lines.buyer_kind,
        lines.store_id,
        lines.ordered_at,
        lines.order_date,
        lines.is_return,
        cast(
            case
                when returned.is_cancelled or return_lines.is_cancelled then 'cancelled'
                when lines.is_return or returned.is_returned then 'returned'
                when returned.order_id is not null then 'partly_returned'
                else 'kept'
            end as string
        ) as status,
        not lines.is_return and not coalesce(returned.is_returned, false) as is_kept,
        cast(
            coalesce(return_lines.taken_back_order_id, lines.returned_order_id) as string
        ) as returned_order_id,
        -- a deduction brings nothing back: many shops write it with the quantity -1, as of a piece
        cast(
            case when lines.is_return then 0 else greatest(lines.item_quantity, 0) end
            as decimal(18, 3)
        ) as item_quantity,
        cast(
            case
                when lines.is_return then coalesce(return_lines.left_quantity, 0)
                else coalesce(returned.returned_quantity, 0)
            end as decimal(18, 3)
        ) as returned_quantity,
        lines.quantity_unit,
        lines.currency_code,
        cast(case when lines.is_return then 0 else lines.sales_amount end as decimal(18, 3))
            as gross_amount,
        cast(
            case
                when lines.is_return then return_lines.left_amount
                else coalesce(returned.returned_amount, 0)
            end as decimal(18, 3)
        ) as returned_amount,
        cast(
            case when lines.is_return then 0 else greatest(lines.retail_discount_amount, 0) end
            as decimal(18, 3)
        ) as retail_discount_amount,
        cast(
            case when lines.is_return then 0 else greatest(lines.coupon_discount_amount, 0) end
            as decimal(18, 3)
        ) as coupon_discount_amount,
        cast(
            case
                when lines.is_return then 0
                else greatest(lines.coupon_match_discount_amount, 0)
            end
            as decimal(18, 3)
        ) as coupon_match_discount_amount
    from {{ ref('int_orders__signed_lines') }} as lines
    left join return_lines
        on
            lines.order_id = return_lines.order_id
            and lines.product_id = return_lines.product_id
            and lines.line_number = return_lines.line_number
    left join {{ ref('int_orders__returned_lines') }} as returned
        on
            lines.order_id = returned.order_id
            and lines.product_id = returned.product_id
            and lines.line_number = returned.line_number

)

select
    order_id,
    product_id,
    line_number,
    line_id,
    product_class,
    customer_id,
    buyer_kind,
    store_id,
    ordered_at,
    order_date,
    is_return,
    status,
    is_kept,
    returned_order_id,
    item_quantity,
    returned_quantity,
    quantity_unit,
    currency_code,
    gross_amount,
    returned_amount,
    cast(gross_amount - returned_amount as decimal(18, 3)) as sales_amount,
    retail_discount_amount,
    coupon_discount_amount,
    coupon_match_discount_amount
from booked
