with

touchpoints as (

    select * from {{ ref('int_touchpoints__logged') }}
    union all
    select * from {{ ref('int_touchpoints__mailed_addresses') }}
    where event_type <> 'dropped'
    union all
    -- what was dropped before it was sent never left the house: nothing passed between the two
    select * from {{ ref('int_touchpoints__told') }}
    where event_type <> 'dropped'
    union all
    select * from {{ ref('int_touchpoints__shop') }}
    union all
    select * from {{ ref('int_touchpoints__mentioned') }}

)

select
    touchpoints.touchpoint_id,
    touchpoints.customer_id,
    touchpoints.occurred_at,
    {{ reporting_date('touchpoints.occurred_at') }} as touchpoint_date,
    cast(touchpoints.channel as string) as channel,
    cast(touchpoints.direction as string) as direction,
    cast(touchpoints.actor as string) as actor,
    cast(touchpoints.message_class as string) as message_class,
    cast(touchpoints.event_type as string) as event_type,
    touchpoints.is_marketing_contact,
    cast(touchpoints.source as string) as source,
    cast(coalesce(touchpoints.campaign_id, unnamed.campaign_id) as string) as campaign_id,
    cast(coalesce(touchpoints.flow_id, unnamed.flow_id) as string) as flow_id,
    cast(coalesce(touchpoints.message_id, unnamed.message_id) as string) as message_id,
    cast(coalesce(touchpoints.variation_id, unnamed.variation_id) as string) as variation_id,
    unnamed.touchpoint_id is not null as is_message_inferred,
    cast(touchpoints.order_id as string) as order_id,
    cast(touchpoints.coupon_upc as string) as coupon_upc,
    cast(touchpoints.product_id as string) as product_id,
    cast(touchpoints.owner_id as string) as owner_id,
    cast(touchpoints.question as string) as question,
    cast(touchpoints.answer as string) as answer,
    cast(touchpoints.answer_mood as string) as answer_mood
from touchpoints
left join {{ ref('int_touchpoints__unnamed_reactions') }} as unnamed
    on touchpoints.touchpoint_id = unnamed.touchpoint_id
{{ join_reporting_days('touchpoints.occurred_at') }}
