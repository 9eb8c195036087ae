-- Each step is arrived at from the one before it, the first from `start`, which only a beginning that was seen has. A
-- conversion is an end, on the channel where it happened; so is the silence after the last step of what was abandoned.
-- The last step of an open journey leads nowhere yet.
with

steps as (

    select
        customer_id,
        step_number,
        stage,
        channel,
        is_conversion,
        hours_since_previous_step as hours,
        lag(stage) over in_journey as previous_stage,
        lag(channel) over in_journey as previous_channel,
        lag(step_date) over in_journey as previous_date
    from {{ ref('fct_journey_steps') }}
    window in_journey as (partition by journey_id order by step_number nulls last)

),

moves as (

    select
        customer_id,
        previous_date as left_date,
        previous_stage as from_stage,
        previous_channel as from_channel,
        case when is_conversion then 'converted' else stage end as to_stage,
        channel as to_channel,
        hours
    from steps
    where step_number > 1
    union all
    select
        customer_id,
        started_date as left_date,
        'start' as from_stage,
        cast(null as varchar) as from_channel,
        case when status = 'converted' and step_count = 1 then 'converted' else first_stage end as to_stage,
        first_channel as to_channel,
        cast(null as double) as hours
    from {{ ref('fct_journeys') }}
    where not is_left_censored
    union all
    select
        customer_id,
        ended_date as left_date,
        last_stage as from_stage,
        last_channel as from_channel,
        'abandoned' as to_stage,
        cast(null as varchar) as to_channel,
        cast(null as double) as hours
    from {{ ref('fct_journeys') }}
    where status = 'abandoned'

),

-- each move three times
broken_down as (

    select
        breakdowns.breakdown,
        case breakdowns.breakdown
            when 'all' then 'all'
            when 'month' then cast(cast(date_trunc('month', moves.left_date) as date) as varchar)
            else coalesce(relationships.relationship_type, 'unknown')
        end as breakdown_value,
        moves.from_stage,
        moves.from_channel,
        moves.to_stage,
        moves.to_channel,
        moves.hours
    from moves
    left join {{ ref('dim_customer_relationships') }} as relationships
        on moves.customer_id = relationships.customer_id
    cross join (values ('all'), ('month'), ('relationship_type')) as breakdowns(breakdown)

),

counted as (

    select
        breakdown,
        breakdown_value,
        from_stage,
        from_channel,
        to_stage,
        to_channel,
        count(*) as transition_count,
        median(hours) as median_hours,
        count(hours) as timed_count,
        -- in ten-thousandths of an hour: whole numbers add up to the same in any order
        sum(cast(round(hours * 1e4) as bigint)) as total_hours
    from broken_down
    group by breakdown, breakdown_value, from_stage, from_channel, to_stage, to_channel

),

left_from as (

    select
        *,
        sum(transition_count) over (
            partition by breakdown, breakdown_value, from_stage, from_channel
        ) as exit_count
    from counted

)

select
    cast(breakdown as varchar) as breakdown,
    cast(breakdown_value as varchar) as breakdown_value,
    cast(from_stage as varchar) as from_stage,
    cast(from_channel as varchar) as from_channel,
    cast(to_stage as varchar) as to_stage,
    cast(to_channel as varchar) as to_channel,
    cast(transition_count as bigint) as transition_count,
    cast(exit_count as bigint) as exit_count,
    cast(round({{ ratio('transition_count', 'exit_count') }}, 9) as double) as probability,
    cast(round({{ wilson_low('transition_count', 'exit_count') }}, 6) as double) as probability_low,
    cast(round({{ wilson_high('transition_count', 'exit_count') }}, 6) as double) as probability_high,
    cast(round(median_hours, 4) as double) as median_hours,
    cast(round({{ ratio('total_hours', 'timed_count') }} / 1e4, 4) as double) as mean_hours
from left_from
