-- An order that names nobody, or an account that the shop does not have (any more), is a sale
-- all the same: it is tied to nobody.
select
    orders.order_id,
    contact_map.customer_id,
    cast(
        case
            when contact_map.customer_id is not null then 'customer'
            when orders.shop_customer_id is null or nobodies.value is not null then 'guest'
            else 'unknown_account'
        end as varchar
    ) as buyer_kind,
    orders.store_id,
    cast(
        case
            when list_contains([{{ sql_texts(var('web_store_ids')) }}], orders.store_id) then 'web' else 'store'
        end as varchar
    ) as channel,
    orders.currency_code,
    orders.ordered_at,
    {{ reporting_date('orders.ordered_at') }} as order_date,
    orders.updated_at,
    orders.returned_order_id,
    {% for status, words in var('order_statuses').items() %}
    coalesce(list_contains([{{ sql_texts(words) }}], orders.shop_status), false) as is_{{ status }}_in_shop
    {{- ',' if not loop.last }}
    {% endfor %}
from {{ ref('stg_shop__orders') }} as orders
left join {{ ref('int_identity__contact_map') }} as contact_map
    on orders.shop_customer_id = contact_map.source_record_id and contact_map.source = 'shop'
left join {{ ref('placeholder_values') }} as nobodies
    on nobodies.kind = 'number' and lower(orders.shop_customer_id) = nobodies.value
{{ join_reporting_days('orders.ordered_at') }}
