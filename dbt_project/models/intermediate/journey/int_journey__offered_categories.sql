with

offered as (

    select distinct
        coupons.campaign_id,
        products.product_category
    from {{ ref('stg_shop__coupons') }} as coupons
    inner join {{ ref('canonical_products') }} as products
        on coupons.product_id = products.product_id
    where coupons.campaign_id is not null and products.product_category is not null

)

select
    campaign_id,
    product_category,
    count(*) over (partition by campaign_id) as category_count
from offered
