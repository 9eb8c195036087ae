{{ config(materialized='table') }}

-- Which stage each kind of touchpoint is a step of: the row of the seed that says most about it.
-- The event says more than the topic, that more than the channel, and the direction least.
with

kinds as (

    select
        channel,
        direction,
        event_type,
        topic,
        count(*) as touchpoint_count
    from {{ ref('int_journey__touchpoints') }}
    group by channel, direction, event_type, topic

)

select
    kinds.channel,
    kinds.direction,
    kinds.event_type,
    kinds.topic,
    kinds.touchpoint_count,
    stages.stage,
    stages.step = 'impression' as is_impression,
    conversions.event_type is not null as is_conversion,
    conversions.worth,
    conversions.fixed_amount
from kinds
inner join {{ ref('journey_stages') }} as stages
    on
        (stages.channel is null or kinds.channel = stages.channel)
        and (stages.direction is null or kinds.direction = stages.direction)
        and (stages.event_type is null or kinds.event_type = stages.event_type)
        and (stages.topic is null or kinds.topic = stages.topic)
left join {{ ref('journey_conversions') }} as conversions
    on kinds.event_type = conversions.event_type
qualify
    row_number() over (
        partition by kinds.channel, kinds.direction, kinds.event_type, kinds.topic
        order by
            stages.event_type is not null desc nulls last,
            stages.topic is not null desc nulls last,
            stages.channel is not null desc nulls last,
            stages.direction is not null desc nulls last
    ) = 1
    and (stages.step <> 'none' or conversions.event_type is not null)
