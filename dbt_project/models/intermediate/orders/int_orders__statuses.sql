{{ config(materialized='table') }}

-- Orders of which not everything is goods that were kept.
with

orders as (

    select
        orders.order_id,
        orders.customer_id,
        orders.is_returned_in_shop,
        orders.is_cancelled_in_shop or coalesce(refunds.is_cancelled, false) as is_cancelled,
        refunds.order_id is not null as is_refund_told
    from {{ ref('int_orders__with_customers') }} as orders
    left join {{ ref('int_orders__refunds') }} as refunds on orders.order_id = refunds.order_id

),

concerned as (

    select order_id from {{ ref('int_orders__return_lines') }}
    union
    select order_id from {{ ref('int_orders__returned_lines') }}
    union
    select order_id
    from {{ ref('int_orders__signed_lines') }}
    where product_class <> 'goods'
    union
    select order_id
    from orders
    where is_cancelled

),

lines as (

    select
        lines.order_id,
        bool_or(lines.is_return) as has_return,
        -- the mailing tool's event is the touchpoint of a return that it tells of
        bool_or(
            lines.is_return and lines.status <> 'cancelled' and refunds.order_id is null
        ) as has_return_of_its_own,
        bool_or(lines.product_class = 'goods' and not lines.is_return) as has_goods,
        bool_or(lines.product_class = 'goods' and lines.is_kept) as has_kept_goods,
        bool_or(lines.status <> 'kept') as has_returned_line
    from {{ ref('int_orders__lines') }} as lines
    left join {{ ref('int_orders__refunds') }} as refunds
        on coalesce(lines.returned_order_id, lines.order_id) = refunds.order_id
    where lines.order_id in (select concerned.order_id from concerned)
    group by lines.order_id

),

-- The order that brings it back is the touchpoint, not also the word that it came back.
brought_back as (

    select distinct
        returned_order_id,
        customer_id
    from {{ ref('int_orders__return_lines') }}
    where not is_cancelled

)

select
    orders.order_id,
    -- of an order whose lines have not come, nobody knows yet what was in it
    cast(
        case
            when orders.is_cancelled then 'cancelled'
            when lines.order_id is null then 'kept'
            when not lines.has_goods and lines.has_return then 'returned'
            when not lines.has_goods then 'no_goods'
            when not lines.has_kept_goods then 'returned'
            when lines.has_returned_line then 'partly_returned'
            else 'kept'
        end as string
    ) as status,
    coalesce(lines.has_return_of_its_own, false) as has_return,
    orders.is_returned_in_shop
    and not orders.is_refund_told
    and brought_back.returned_order_id is null as is_returned_in_shop
from orders
left join lines on orders.order_id = lines.order_id
left join brought_back
    on
        orders.order_id = brought_back.returned_order_id
        and orders.customer_id = brought_back.customer_id
where orders.order_id in (select concerned.order_id from concerned)
