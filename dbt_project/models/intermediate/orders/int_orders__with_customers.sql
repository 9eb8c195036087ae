{{ config(materialized='table') }}

-- An order that names nobody is a sale all the same, tied to nobody. An account that the shop does
-- not show (yet) is a customer known from their orders, as identity takes them in.
select
    orders.source,
    orders.order_id,
    case
        when nobodies.value is null and {{ bare('orders.contact_id') }} <> ''
            then contact_map.customer_id
    end as customer_id,
    cast(
        case
            when coalesce({{ bare('orders.contact_id') }}, '') = '' then 'guest'
            when nobodies.value is not null then 'guest'
            when contact_map.customer_id is not null then 'customer'
            else 'unknown_account'
        end as string
    ) as buyer_kind,
    orders.store_id,
    cast(
        case
            when orders.channel is not null then orders.channel
            when {{ is_one_of('orders.store_id', var('web_store_ids')) }} then 'web'
            else 'store'
        end as string
    ) as channel,
    orders.currency_code,
    orders.ordered_at,
    {{ reporting_date('orders.ordered_at') }} as order_date,
    orders.updated_at,
    orders.returned_order_id,
    coalesce(
        {{ is_one_of('orders.order_status', var('order_statuses')['cancelled']) }}, false
    ) as is_cancelled_in_shop,
    coalesce(
        {{ is_one_of('orders.order_status', var('order_statuses')['returned']) }}, false
    ) as is_returned_in_shop
from {{ ref('canonical_orders') }} as orders
left join {{ ref('int_identity__contact_map') }} as contact_map
    on
        orders.source = contact_map.source
        and orders.contact_id = contact_map.source_record_id
left join {{ ref('placeholder_values') }} as nobodies
    on nobodies.kind = 'number' and {{ bare('orders.contact_id') }} = nobodies.value
{{ join_reporting_days('orders.ordered_at') }}
