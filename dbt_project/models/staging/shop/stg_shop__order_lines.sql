with

versions as (

    select * from {{ ref('base_shop__order_lines') }}

)

select
    order_id,
    product_id,
    item_quantity,
    sales_amount,
    retail_discount_amount,
    coupon_discount_amount,
    coupon_match_discount_amount,
    updated_at
from versions
where {{ is_staged() }}
