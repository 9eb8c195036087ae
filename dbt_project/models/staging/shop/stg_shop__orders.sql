with

versions as (

    select * from {{ ref('base_shop__orders') }}

)

select
    order_id,
    shop_customer_id,
    store_id,
    currency_code,
    ordered_at,
    updated_at
from versions
where {{ is_staged() }}
