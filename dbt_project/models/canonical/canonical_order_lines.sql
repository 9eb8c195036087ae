with

lines as (

    select
        cast('shop' as string) as source,
        order_id,
        product_id,
        line_number,
        line_id,
        item_quantity,
        quantity_unit,
        sales_amount,
        retail_discount_amount,
        coupon_discount_amount,
        coupon_match_discount_amount,
        updated_at,
        is_new_load
    from {{ ref('stg_shop__order_lines') }}
    union all
    select
        source,
        order_id,
        product_id,
        line_number,
        line_id,
        item_quantity,
        quantity_unit,
        sales_amount,
        retail_discount_amount,
        coupon_discount_amount,
        coupon_match_discount_amount,
        updated_at,
        is_new_load
    from {{ ref('base_mapped__order_lines') }}
    where {{ is_staged() }} and not is_repeat

)

select
    source,
    order_id,
    product_id,
    line_number,
    line_id,
    item_quantity,
    quantity_unit,
    -- some shops write what went back without a sign
    cast(
        case when item_quantity < 0 then -abs(sales_amount) else sales_amount end as decimal(18, 3)
    ) as sales_amount,
    retail_discount_amount,
    coupon_discount_amount,
    coupon_match_discount_amount,
    updated_at,
    is_new_load
from lines
