-- A journey begins with a customer's first touchpoint, with the first after a conversion, and with the first after
-- so much silence. What shares a moment has one order: a conversion comes last. So does one without an hour, of its
-- day: what they did that day may have led to it, as for the orders of a campaign (`is_answer_to`).
with

steps as (

    select
        touchpoints.*,
        kinds.stage,
        kinds.is_impression,
        kinds.is_conversion,
        case
            when kinds.is_conversion and {{ has_no_hour('touchpoints.occurred') }}
                then touchpoints.occurred_at + interval 1 day - interval 1 microsecond
            else touchpoints.occurred_at
        end as turn_at
    from {{ ref('int_journey__touchpoints') }} as touchpoints
    inner join {{ ref('int_journey__kinds') }} as kinds
        on
            touchpoints.event_type = kinds.event_type
            and touchpoints.channel is not distinct from kinds.channel
            and touchpoints.direction is not distinct from kinds.direction
            and touchpoints.topic is not distinct from kinds.topic
    {% if var('journey_impressions') == 'ignore' %}
    where not kinds.is_impression
    {% endif %}

),

followed as (

    select
        *,
        row_number() over in_time as place,
        lag(occurred_at) over in_time as previous_at,
        lag(is_conversion) over in_time as is_after_conversion
    from steps
    window in_time as (
        partition by customer_id order by turn_at nulls last, is_conversion, touchpoint_id
    )

),

begun as (

    select
        *,
        previous_at is null
        or is_after_conversion
        or {{ hours_between('previous_at', 'occurred_at') }} > 24 * {{ var('journey_timeout_days') }}
            as is_first
    from followed

),

numbered as (

    select
        *,
        sum(case when is_first then 1 else 0 end) over so_far as journey_number,
        max(case when is_first then place end) over so_far as first_place
    from begun
    window so_far as (
        partition by customer_id order by place nulls last
        rows between unbounded preceding and current row
    )

)

select
    customer_id || '-' || journey_number as journey_id,
    cast(place - first_place + 1 as bigint) as step_number,
    customer_id,
    cast(journey_number as bigint) as journey_number,
    touchpoint_id,
    occurred_at,
    touchpoint_date as step_date,
    cast(stage as varchar) as stage,
    cast(coalesce(channel, 'sales') as varchar) as channel,
    cast(event_type as varchar) as event_type,
    cast(topic as varchar) as topic,
    is_impression,
    is_conversion,
    not is_impression
    and campaign_id is null
    and flow_id is null
    and coalesce(direction = 'inbound' and channel in ('web', 'store'), false) as is_direct,
    case
        when not is_first
            then cast(round(greatest({{ hours_between('previous_at', 'occurred_at') }}, 0), 4) as double)
    end as hours_since_previous_step,
    cast({{ emotion() }} as double) as emotion,
    campaign_id,
    cast(campaign_channel as varchar) as campaign_channel,
    flow_id,
    order_id,
    deal_id,
    owner_id
from numbered
