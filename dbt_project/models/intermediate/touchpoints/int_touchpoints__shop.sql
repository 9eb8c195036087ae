select
    'shop:' || order_id as touchpoint_id,
    customer_id,
    ordered_at as occurred_at,
    case
        when list_contains([{{ sql_texts(var('web_store_ids')) }}], store_id) then 'web'
        else 'store'
    end as channel,
    'inbound' as direction,
    'human' as actor,
    null as message_class,
    'ordered' as event_type,
    false as is_marketing_contact,
    'shop' as source,
    null as campaign_id,
    null as message_id,
    order_id,
    null as coupon_upc,
    null as owner_id,
    null as question,
    null as answer
from {{ ref('int_orders__with_customers') }}
