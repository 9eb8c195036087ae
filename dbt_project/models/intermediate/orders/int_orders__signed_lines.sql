-- Lines as the shop has them, with their order: what is negative came back, if it is no deduction.
-- Which are deductions the policy's patterns say first, and then what was sold.
select
    lines.order_id,
    lines.product_id,
    lines.line_number,
    lines.line_id,
    case
        when classes.product_id is not null then classes.product_class
        when deductions.order_id is not null then 'deduction'
        else 'goods'
    end as product_class,
    (lines.item_quantity < 0 or lines.sales_amount < 0)
    and not coalesce(classes.is_deduction, false)
    and deductions.order_id is null as is_return,
    orders.customer_id,
    orders.buyer_kind,
    orders.store_id,
    orders.currency_code,
    orders.ordered_at,
    orders.order_date,
    orders.returned_order_id,
    -- never carried out: neither a sale that can come back, nor a return
    orders.is_cancelled_in_shop or coalesce(refunds.is_cancelled, false) as is_cancelled,
    lines.item_quantity,
    lines.quantity_unit,
    lines.sales_amount,
    lines.retail_discount_amount,
    lines.coupon_discount_amount,
    lines.coupon_match_discount_amount
from {{ ref('canonical_order_lines') }} as lines
inner join {{ ref('int_orders__with_customers') }} as orders on lines.order_id = orders.order_id
left join {{ ref('int_products__classes') }} as classes on lines.product_id = classes.product_id
left join {{ ref('int_orders__deductions') }} as deductions
    on
        lines.order_id = deductions.order_id
        and lines.product_id = deductions.product_id
        and lines.line_number = deductions.line_number
left join {{ ref('int_orders__refunds') }} as refunds on lines.order_id = refunds.order_id
