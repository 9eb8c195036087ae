select
    lines.customer_id,
    cast(products.product_category as string) as product_category,
    cast(count(distinct lines.order_date) as bigint) as order_day_count,
    min(lines.order_date) as first_bought_date,
    max(lines.order_date) as last_bought_date
from {{ ref('fct_order_lines') }} as lines
inner join {{ ref('dim_products') }} as products on lines.product_id = products.product_id
where
    lines.customer_id is not null
    and not lines.is_return
    -- what came back was bought: they know it by now
    and lines.status <> 'cancelled'
    and products.product_class = 'goods'
    and products.product_category is not null
group by lines.customer_id, products.product_category
