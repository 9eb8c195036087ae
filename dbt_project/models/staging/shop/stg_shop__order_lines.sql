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
    -- some shops write what went back without a sign
    case when item_quantity < 0 then -abs(sales_amount) else sales_amount end as sales_amount,
    retail_discount_amount,
    coupon_discount_amount,
    coupon_match_discount_amount,
    updated_at
from versions
where {{ is_staged() }}
