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
    touchpoints.channel,
    touchpoints.direction,
    touchpoints.actor,
    touchpoints.message_class,
    touchpoints.event_type,
    touchpoints.is_marketing_contact,
    touchpoints.source,
    coalesce(touchpoints.campaign_id, unnamed.campaign_id) as campaign_id,
    coalesce(touchpoints.flow_id, unnamed.flow_id) as flow_id,
    coalesce(touchpoints.message_id, unnamed.message_id) as message_id,
    coalesce(touchpoints.variation_id, unnamed.variation_id) as variation_id,
    unnamed.touchpoint_id is not null as is_message_inferred,
    touchpoints.order_id,
    touchpoints.coupon_upc,
    touchpoints.product_id,
    touchpoints.owner_id,
    touchpoints.question,
    touchpoints.answer,
    touchpoints.answer_mood
from touchpoints
left join {{ ref('int_touchpoints__unnamed_reactions') }} as unnamed
    on touchpoints.touchpoint_id = unnamed.touchpoint_id
{{ join_reporting_days('touchpoints.occurred_at') }}
