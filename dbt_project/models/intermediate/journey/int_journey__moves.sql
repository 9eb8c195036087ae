-- Each step is arrived at from the one before it, the first from `start`, which only a beginning
-- that was seen has. A conversion is an end, on the channel where it happened; so is the silence
-- after the last step of what was abandoned. The last step of an open journey leads nowhere yet.
select
    customer_id,
    previous_step_date as left_date,
    previous_stage as from_stage,
    previous_channel as from_channel,
    case when is_conversion then 'converted' else stage end as to_stage,
    channel as to_channel,
    hours_since_previous_step as hours
from {{ ref('fct_journey_steps') }}
where step_number > 1
union all
select
    customer_id,
    started_date as left_date,
    'start' as from_stage,
    cast(null as string) as from_channel,
    case
        when status = 'converted' and step_count = 1 then 'converted' else first_stage
    end as to_stage,
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
    cast(null as string) as to_channel,
    cast(null as double) as hours
from {{ ref('fct_journeys') }}
where status = 'abandoned'
