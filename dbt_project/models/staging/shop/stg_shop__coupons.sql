with

versions as (

    select * from {{ ref('base_shop__coupons') }}

)

select
    coupon_upc,
    product_id,
    campaign_id,
    offer_type,
    valid_from_date,
    valid_until_date,
    updated_at
from versions
where {{ is_staged() }}
