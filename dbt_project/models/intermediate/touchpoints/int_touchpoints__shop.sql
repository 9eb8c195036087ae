select
    'shop:' || order_id as touchpoint_id,
    customer_id,
    ordered_at as occurred_at,
    case
        when list_contains({{ var('web_store_ids') }}, store_id) then 'web'
        else 'store'
    end as channel,
    'inbound' as direction,
    'human' as actor,
    null as message_class,
    'ordered' as event_type,
    false as is_marketing_contact,
    'shop' as source,
    null as campaign_id,
    null as flow_id,
    null as message_id,
    null as variation_id,
    order_id,
    null as coupon_upc,
    null as owner_id,
    null as question,
    null as answer,
    null as answer_mood
from {{ ref('int_orders__with_customers') }}
