select
    orders.order_id,
    orders.customer_id,
    orders.buyer_kind,
    orders.store_id,
    orders.channel,
    orders.ordered_at,
    orders.order_date,
    orders.updated_at,
    cast(coalesce(statuses.status, 'kept') as varchar) as status,
    coalesce(statuses.status in ('kept', 'partly_returned'), true) as is_kept,
    coalesce(statuses.has_return, false) as has_return,
    coalesce(statuses.is_returned_in_shop, false) as is_returned_in_shop,
    orders.currency_code,
    case
        when orders.currency_code = reporting.currency_code then cast(1 as decimal(18, 9))
        else rates.reporting_rate
    end as reporting_rate
from {{ ref('int_orders__with_customers') }} as orders
cross join {{ ref('int_orders__reporting_currency') }} as reporting
left join {{ ref('int_orders__rates') }} as rates
    on
        orders.currency_code = rates.currency_code
        and date_trunc('month', orders.order_date) = rates.month_date
left join {{ ref('int_orders__statuses') }} as statuses on orders.order_id = statuses.order_id
