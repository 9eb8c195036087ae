with

versions as (

    select * from {{ ref('base_shop__order_lines') }}

)

select
    order_id,
    line_number,
    line_id,
    product_id,
    item_quantity,
    quantity_unit,
    sales_amount,
    retail_discount_amount,
    coupon_discount_amount,
    coupon_match_discount_amount,
    updated_at,
    is_new_load
from versions
where {{ is_staged() }}
