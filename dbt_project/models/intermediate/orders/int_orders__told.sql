select
    orders.source,
    orders.order_id,
    orders.customer_id,
    orders.buyer_kind,
    orders.store_id,
    orders.channel,
    orders.ordered_at,
    orders.order_date,
    orders.updated_at,
    cast(coalesce(statuses.status, 'kept') as string) as status,
    coalesce(statuses.status in ('kept', 'partly_returned'), true) as is_kept,
    coalesce(statuses.has_return, false) as has_return,
    coalesce(statuses.is_returned_in_shop, false) as is_returned_in_shop,
    orders.currency_code,
    {{ reporting_rate('orders.currency_code') }} as reporting_rate
from {{ ref('int_orders__with_customers') }} as orders
cross join {{ ref('int_orders__reporting_currency') }} as reporting
{{ join_rates('orders.currency_code', 'orders.order_date') }}
left join {{ ref('int_orders__statuses') }} as statuses on orders.order_id = statuses.order_id
