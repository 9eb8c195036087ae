-- Each journey has one beginning, unless that was not seen, and one end, unless it is open; a
-- conversion whose beginning was not seen and that is all there is has no transition. And who
-- leaves a state goes somewhere.
with

transitions as (

    select
        breakdown,
        sum(case when from_stage = 'start' then transition_count else 0 end) as begun_count,
        sum(case when to_stage = 'converted' then transition_count else 0 end) as converted_count,
        sum(case when to_stage = 'abandoned' then transition_count else 0 end) as abandoned_count
    from {{ ref('rpt_journey_transitions') }}
    group by breakdown

),

journeys as (

    select
        count(*) filter (where not is_left_censored) as begun_count,
        count(*) filter (
            where status = 'converted' and not (is_left_censored and step_count = 1)
        ) as converted_count,
        count(*) filter (where status = 'abandoned') as abandoned_count
    from {{ ref('fct_journeys') }}

)

select
    transitions.breakdown || ': journeys' as what,
    cast(null as string) as state
from transitions
cross join journeys
where
    transitions.begun_count <> journeys.begun_count
    or transitions.converted_count <> journeys.converted_count
    or transitions.abandoned_count <> journeys.abandoned_count
union all
select
    breakdown || ': ' || breakdown_value as what,
    from_stage || coalesce(' ' || from_channel, '') as state
from {{ ref('rpt_journey_transitions') }}
group by breakdown, breakdown_value, from_stage, from_channel
having abs(sum(probability) - 1) > 1e-6 or sum(transition_count) <> max(exit_count)
