-- What they do themselves says it: looked at, searched for or asked about something lately and have not bought it, or
-- are weighing things up at length. What people alike buy says nothing of tonight.
with

needs as (

    select
        customer_id,
        max_by(evidence, (score, product_category)) as evidence,
        max(score) as score,
        max(last_seen_date) as last_act_date
    from {{ ref('dim_unexpressed_needs') }}
    where
        evidence_kind <> 'bought_by_alike'
        and score >= {{ var('ready_least_score') }}
        and last_seen_date > {{ latest_day() }} - {{ var('ready_within_days') }}
    group by customer_id

),

journeys as (

    select
        customer_id,
        max_by(act_count, journey_number) as act_count,
        max_by(started_date, journey_number) as started_date,
        max_by(last_channel, journey_number) as last_channel,
        max(ended_date) as last_act_date
    from {{ ref('fct_journeys') }}
    where
        status = 'open'
        and last_stage = 'consideration'
        and act_count >= {{ var('ready_least_acts') }}
        and ended_date > {{ latest_day() }} - {{ var('ready_within_days') }}
    group by customer_id

)

select
    coalesce(needs.customer_id, journeys.customer_id) as customer_id,
    cast(
        concat_ws(
            '; ',
            needs.evidence || '; last on ' || cast(needs.last_act_date as string),
            'On their way to an order since ' || cast(journeys.started_date as string) || ': '
            || {{ counted('journeys.act_count', 'step') }} || ' of their own, last by '
            || journeys.last_channel || ' on ' || cast(journeys.last_act_date as string)
        ) || '.' as string
    ) as reason,
    cast(round((coalesce(needs.score, 0) + coalesce(journeys.act_count / 1e3, 0)) * 1e6) / 1e6 as double) as urgency
from needs
full outer join journeys on needs.customer_id = journeys.customer_id
