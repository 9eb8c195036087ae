with

versions as (

    select * from {{ ref('base_shop__orders') }}

)

select
    order_id,
    shop_customer_id,
    store_id,
    returned_order_id,
    currency_code,
    shop_status,
    ordered_at,
    updated_at,
    is_new_load
from versions
where {{ is_staged() }}
