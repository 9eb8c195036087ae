-- Each order that counts as one, and each deal that was won, is the end of exactly one journey:
-- what is credited is what was sold. A firm that lets orders convert nothing (seed
-- journey_conversions) is asked nothing here.
with

sold as (

    select touchpoint_id
    from {{ ref('int_journey__touchpoints') }}
    where
        event_type in (
            select kinds.event_type
            from {{ ref('int_journey__kinds') }} as kinds
            where kinds.is_conversion
        )

),

ends as (

    select
        touchpoint_id,
        journey_id
    from {{ ref('fct_journey_steps') }}
    where is_conversion

),

journeys as (

    select
        ends.touchpoint_id,
        count(journeys.journey_id) as journey_count
    from ends
    left join {{ ref('fct_journeys') }} as journeys
        on ends.journey_id = journeys.journey_id and journeys.status = 'converted'
    group by ends.touchpoint_id

)

select
    sold.touchpoint_id as sold_id,
    journeys.touchpoint_id as ended_id,
    journeys.journey_count
from sold
full join journeys on sold.touchpoint_id = journeys.touchpoint_id
where sold.touchpoint_id is null or journeys.touchpoint_id is null or journeys.journey_count <> 1
