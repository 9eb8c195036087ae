-- Each step is arrived at from the one before it, the first from `start`, which only a beginning that was seen has. A
-- conversion is an end, on the channel where it happened; so is the silence after the last step of what was abandoned.
-- The last step of an open journey leads nowhere yet.
with

steps as (

    select
        steps.journey_id,
        steps.customer_id,
        steps.step_number,
        steps.step_date,
        steps.stage,
        steps.channel,
        steps.is_conversion,
        steps.hours_since_previous_step,
        lag(steps.stage) over in_journey as previous_stage,
        lag(steps.channel) over in_journey as previous_channel,
        lag(steps.step_date) over in_journey as previous_date,
        journeys.is_left_censored,
        journeys.status = 'abandoned' and journeys.step_count = steps.step_number as is_last_of_abandoned
    from {{ ref('fct_journey_steps') }} as steps
    inner join {{ ref('fct_journeys') }} as journeys on steps.journey_id = journeys.journey_id
    window in_journey as (partition by steps.journey_id order by steps.step_number nulls last)

),

moves as (

    select
        customer_id,
        coalesce(previous_date, step_date) as left_date,
        coalesce(previous_stage, 'start') as from_stage,
        previous_channel as from_channel,
        case when is_conversion then 'converted' else stage end as to_stage,
        channel as to_channel,
        hours_since_previous_step as hours
    from steps
    where step_number > 1 or not is_left_censored
    union all
    select
        customer_id,
        step_date as left_date,
        stage as from_stage,
        channel as from_channel,
        'abandoned' as to_stage,
        cast(null as varchar) as to_channel,
        cast(null as double) as hours
    from steps
    where is_last_of_abandoned

),

broken_down as (

    select
        'all' as breakdown,
        'all' as breakdown_value,
        moves.*
    from moves
    union all
    select
        'month' as breakdown,
        cast(cast(date_trunc('month', moves.left_date) as date) as varchar) as breakdown_value,
        moves.*
    from moves
    union all
    select
        'relationship_type' as breakdown,
        coalesce(relationships.relationship_type, 'unknown') as breakdown_value,
        moves.*
    from moves
    left join {{ ref('dim_customer_relationships') }} as relationships
        on moves.customer_id = relationships.customer_id

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
        avg(hours) as mean_hours
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
    cast(round(mean_hours, 4) as double) as mean_hours
from left_from
