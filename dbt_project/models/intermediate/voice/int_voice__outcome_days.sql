{{ config(materialized='table') }}

-- What customers did on each day, and what one would expect of such a day: the mean of the two weeks
-- before and after it, without itself, times what its weekday has of the mean of all.
{% set until = last_complete_day() %}
{% set since = until ~ ' - ' ~ (var('voice_lookback_days') - 1) %}

with

happened as (

    select
        'tickets' as outcome,
        opened_date as outcome_date,
        count(*) as happened_count
    from {{ ref('fct_tickets') }}
    group by opened_date
    union all
    -- whoever leaves three lists on a day has left once
    select
        'opt_outs' as outcome,
        {{ reporting_date('words.occurred_at') }} as outcome_date,
        count(distinct words.customer_id) as happened_count
    from {{ ref('fct_consent_events') }} as words
    {{ join_reporting_days('words.occurred_at') }}
    where words.action = 'withdraw'
    group by {{ reporting_date('words.occurred_at') }}
    union all
    select
        'complaints' as outcome,
        touchpoint_date as outcome_date,
        count(distinct customer_id) as happened_count
    from {{ ref('fct_touchpoints') }}
    where event_type = 'complained'
    group by touchpoint_date

),

since_when as (

    select
        outcome,
        greatest(min(outcome_date), {{ since }}) as first_date
    from happened
    where outcome_date <= {{ until }}
    group by outcome

),

days as (

    select
        outcome,
        {{ series_of_days('first_date', until) }} as outcome_date
    from since_when

),

counted as (

    select
        days.outcome,
        days.outcome_date,
        {{ day_number('days.outcome_date') }} as day_number,
        {{ day_number('days.outcome_date') }} % 7 as weekday,
        cast(coalesce(happened.happened_count, 0) as double) as happened_count
    from days
    left join happened
        on days.outcome = happened.outcome and days.outcome_date = happened.outcome_date

),

levelled as (

    select
        *,
        (sum(happened_count) over near - happened_count) / nullif(count(*) over near - 1, 0) as level,
        avg(happened_count) over (partition by outcome, weekday) as weekday_mean,
        avg(happened_count) over (partition by outcome) as mean
    from counted
    window near as (
        partition by outcome order by day_number nulls last range between 14 preceding and 14 following
    )

)

select
    outcome,
    outcome_date,
    happened_count,
    level * weekday_mean / mean as expected_count
from levelled
where mean > 0e0 and level is not null
