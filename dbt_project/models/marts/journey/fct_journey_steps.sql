-- A journey begins with a customer's first touchpoint, with the first after a conversion, and with the first after
-- so much silence. What shares a moment has one order: a conversion comes last. So does one without an hour, of its
-- day: what they did that day may have led to it, as for the orders of a campaign (`is_answer_to`).
with

kinds as (

    select
        *,
        coalesce(channel, 'sales') as step_channel,
        cast(
            row_number() over (
                order by event_type nulls last, channel nulls last, direction nulls last, topic nulls last
            ) as integer
        ) as kind_number
    from {{ ref('int_journey__kinds') }}

),

-- What is sorted is narrow: what all steps of a kind have in common is looked up afterwards.
steps as (

    select
        touchpoints.touchpoint_id,
        touchpoints.customer_id,
        touchpoints.occurred_at,
        touchpoints.touchpoint_date,
        touchpoints.campaign_id,
        touchpoints.campaign_channel,
        touchpoints.flow_id,
        touchpoints.order_id,
        touchpoints.deal_id,
        touchpoints.owner_id,
        cast({{ emotion() }} as double) as emotion,
        kinds.kind_number,
        kinds.is_conversion,
        case
            when kinds.is_conversion then {{ latest_turn('touchpoints.occurred') }} else touchpoints.occurred_at
        end as turn_at
    from {{ ref('int_journey__touchpoints') }} as touchpoints
    inner join kinds
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
        lag(touchpoint_date) over in_time as previous_date,
        lag(kind_number) over in_time as previous_kind_number,
        lag(is_conversion) over in_time as is_after_conversion
    from steps
    window in_time as (
        partition by customer_id order by turn_at nulls last, is_conversion nulls last, touchpoint_id nulls last
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
    numbered.customer_id || '-' || cast(numbered.journey_number as string) as journey_id,
    cast(numbered.place - numbered.first_place + 1 as bigint) as step_number,
    numbered.customer_id,
    cast(numbered.journey_number as bigint) as journey_number,
    numbered.touchpoint_id,
    numbered.occurred_at,
    numbered.touchpoint_date as step_date,
    cast(kinds.stage as string) as stage,
    cast(kinds.step_channel as string) as channel,
    cast(kinds.event_type as string) as event_type,
    cast(kinds.topic as string) as topic,
    kinds.is_impression,
    numbered.is_conversion,
    not kinds.is_impression
    and numbered.campaign_id is null
    and numbered.flow_id is null
    and coalesce(kinds.direction = 'inbound' and kinds.channel in ('web', 'store'), false) as is_direct,
    case when not numbered.is_first then numbered.previous_date end as previous_step_date,
    cast(previous.stage as string) as previous_stage,
    cast(previous.step_channel as string) as previous_channel,
    case
        when not numbered.is_first
            then
                cast(
                    round(
                        greatest({{ hours_between('numbered.previous_at', 'numbered.occurred_at') }}, 0) * 1e4
                    ) / 1e4 as double
                )
    end as hours_since_previous_step,
    numbered.emotion,
    numbered.campaign_id,
    cast(numbered.campaign_channel as string) as campaign_channel,
    numbered.flow_id,
    numbered.order_id,
    numbered.deal_id,
    numbered.owner_id
from numbered
inner join kinds on numbered.kind_number = kinds.kind_number
left join kinds as previous
    on case when not numbered.is_first then numbered.previous_kind_number end = previous.kind_number
