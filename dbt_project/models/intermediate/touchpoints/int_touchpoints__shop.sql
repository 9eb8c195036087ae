-- What was bought and kept is an order, what came back a return. Who cancels has done neither, and
-- guests are nobody's touchpoints.
with

happened as (

    select
        source || ':' || order_id as touchpoint_id,
        ordered_at as occurred_at,
        'ordered' as event_type,
        *
    from {{ ref('int_orders__told') }}
    where is_kept
    union all
    select
        source || ':' || order_id || ':returned' as touchpoint_id,
        case when has_return then ordered_at else updated_at end as occurred_at,
        'returned' as event_type,
        *
    from {{ ref('int_orders__told') }}
    where has_return or (is_returned_in_shop and updated_at < {{ cutoff() }})

)

select
    touchpoint_id,
    customer_id,
    occurred_at,
    channel,
    'inbound' as direction,
    'human' as actor,
    cast(null as string) as message_class,
    event_type,
    false as is_marketing_contact,
    source,
    cast(null as string) as campaign_id,
    cast(null as string) as flow_id,
    cast(null as string) as message_id,
    cast(null as string) as variation_id,
    order_id,
    cast(null as string) as coupon_upc,
    cast(null as string) as product_id,
    cast(null as string) as owner_id,
    cast(null as string) as question,
    cast(null as string) as answer,
    cast(null as string) as answer_mood
from happened
where customer_id is not null
