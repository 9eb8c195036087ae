with

touchpoints as (

    select * from {{ ref('int_touchpoints__hubspot') }}
    union all
    select * from {{ ref('int_touchpoints__klaviyo') }}
    union all
    select * from {{ ref('int_touchpoints__shop') }}

)

select
    touchpoint_id,
    customer_id,
    occurred_at,
    {{ reporting_date('occurred_at') }} as touchpoint_date,
    cast(channel as varchar) as channel,
    cast(direction as varchar) as direction,
    cast(actor as varchar) as actor,
    cast(message_class as varchar) as message_class,
    cast(event_type as varchar) as event_type,
    is_marketing_contact,
    cast(source as varchar) as source,
    cast(campaign_id as varchar) as campaign_id,
    cast(message_id as varchar) as message_id,
    cast(order_id as varchar) as order_id,
    cast(coupon_upc as varchar) as coupon_upc,
    cast(owner_id as varchar) as owner_id,
    cast(question as varchar) as question,
    cast(answer as varchar) as answer
from touchpoints
{{ join_reporting_days('occurred_at') }}
