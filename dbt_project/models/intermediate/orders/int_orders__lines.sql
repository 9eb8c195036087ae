select
    lines.order_id,
    lines.product_id,
    orders.customer_id,
    orders.store_id,
    orders.currency_code,
    orders.ordered_at,
    orders.order_date,
    lines.item_quantity,
    lines.sales_amount,
    lines.retail_discount_amount,
    lines.coupon_discount_amount,
    lines.coupon_match_discount_amount
from {{ ref('stg_shop__order_lines') }} as lines
inner join {{ ref('int_orders__with_customers') }} as orders
    on lines.order_id = orders.order_id
