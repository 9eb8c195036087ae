select
    orders.order_id,
    contact_map.customer_id,
    orders.store_id,
    orders.currency_code,
    orders.ordered_at,
    {{ reporting_date('orders.ordered_at') }} as order_date
from {{ ref('stg_shop__orders') }} as orders
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on orders.shop_customer_id = contact_map.source_record_id and contact_map.source = 'shop'
{{ join_reporting_days('orders.ordered_at') }}
