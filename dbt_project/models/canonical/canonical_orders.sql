select
    cast('shop' as string) as source,
    order_id,
    shop_customer_id as contact_id,
    store_id,
    cast(null as string) as channel,
    returned_order_id,
    currency_code,
    shop_status as order_status,
    ordered_at,
    updated_at,
    is_new_load
from {{ ref('stg_shop__orders') }}
union all
select
    source,
    order_id,
    contact_id,
    store_id,
    channel,
    returned_order_id,
    currency_code,
    {{ topic_of('order_status') }} as order_status,
    ordered_at,
    updated_at,
    is_new_load
from {{ ref('base_mapped__orders') }}
where {{ is_staged() }}
