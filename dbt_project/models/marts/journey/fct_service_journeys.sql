with

-- A ticket of several customers is in a journey of each; its touchpoints carry its id.
cases as (

    select
        steps.journey_id,
        steps.customer_id,
        steps.touchpoint_id,
        steps.occurred_at,
        steps.step_date,
        tickets.priority,
        tickets.is_closed,
        tickets.is_reopened,
        coalesce(tickets.is_closed and tickets.sentiment = 'negative', false) as is_negative,
        coalesce(
            coalesce(
                tickets.first_response_hours, case when tickets.first_replied_at is null then tickets.open_hours end
            ) > {{ var('slow_first_response_hours') }},
            false
        ) as is_slow,
        tickets.first_response_hours is not null or tickets.sentiment is not null as is_told
    from {{ ref('fct_journey_steps') }} as steps
    inner join {{ ref('fct_tickets') }} as tickets on split_part(steps.touchpoint_id, ':', 3) = tickets.ticket_id
    where steps.event_type = 'ticket_opened'

),

bad_moments as (

    select
        journey_id,
        max(customer_id) as customer_id,
        min(occurred_at) as bad_at,
        min(step_date) as bad_date,
        count(*) as ticket_count,
        min_by(priority, (occurred_at, touchpoint_id)) filter (where priority is not null) as priority,
        bool_or(is_slow) as is_slow,
        bool_or(is_reopened) as is_reopened,
        bool_or(is_negative) as is_negative,
        bool_and(is_closed and is_told) as is_settled
    from cases
    group by journey_id

),

-- An order without an hour comes last of its day, as in `fct_journey_steps`: it may be what a ticket of that day led to.
orders as (

    select
        customer_id,
        order_id,
        ordered_at,
        {{ latest_turn('ordered') }} as turn_at,
        order_date,
        lag(ordered_at) over in_time as previous_at,
        lag(order_date) over in_time as previous_date
    from {{ ref('fct_orders') }}
    where is_kept and customer_id is not null and ordered_at < {{ cutoff() }}
    window in_time as (partition by customer_id order by ordered_at nulls last, order_id nulls last)

),

-- What passed between orders before the bad moment: later ones may be its doing. Several orders of a day are one.
gaps as (

    select
        bad_moments.journey_id,
        {{ hours_between('orders.ordered_at', 'bad_moments.bad_at') }} / 24e0 as days_before,
        {{ hours_between('orders.previous_at', 'orders.ordered_at') }} / 24e0 as gap_days,
        case
            when orders.order_date > orders.previous_date
                then {{ day_number('orders.order_date') }} - {{ day_number('orders.previous_date') }}
        end as days_between
    from bad_moments
    inner join orders
        on bad_moments.customer_id = orders.customer_id and orders.turn_at <= bad_moments.bad_at

),

rhythms as (

    select
        journey_id,
        count(days_between) as gap_count,
        median(days_between) as usual_days,
        max(days_before) as first_days_before,
        min(days_before) as last_days_before
    from gaps
    group by journey_id

),

horizons as (

    select
        *,
        usual_days * {{ var('service_again_gaps') }} as again_days,
        greatest(
            usual_days * {{ var('service_again_gaps') }},
            usual_days * {{ var('service_silence_gaps') }},
            {{ var('journey_timeout_days') }}
        ) as silence_days
    from rhythms
    where gap_count >= {{ var('habit_least_observations') }}

),

-- How it was at any other moment of theirs: of all the moments from their first order on after which as much time passed
-- before the bad one, the share after which an order was near, and how long one waited. (Of later moments only the short
-- waits are known.) A gap holds, of the moments that count, those from its begin to `until`.
moments as (

    select
        horizons.journey_id,
        horizons.silence_days,
        horizons.again_days,
        horizons.first_days_before,
        horizons.last_days_before,
        gaps.gap_days,
        least(gaps.gap_days, gaps.gap_days + gaps.days_before - horizons.again_days) as again_until,
        least(gaps.gap_days, gaps.gap_days + gaps.days_before - horizons.silence_days) as silence_until
    from horizons
    inner join gaps on horizons.journey_id = gaps.journey_id
    where
        horizons.first_days_before > horizons.silence_days
        -- the first order follows none
        and gaps.gap_days is not null

),

usual as (

    select
        journey_id,
        max(first_days_before - again_days) as again_moments,
        max(first_days_before - silence_days) as silence_moments,
        sum(greatest(again_until - greatest(gap_days - again_days, 0), 0)) as near_moments,
        -- the sum of all waits, none longer than what makes silence: a gap's from its whole length down to what is left
        sum(
            case
                when silence_until > 0
                    then
                        power(least(gap_days, silence_days), 2) / 2
                        + silence_days * greatest(gap_days - silence_days, 0)
                        - power(least(gap_days - silence_until, silence_days), 2) / 2
                        - silence_days * greatest(gap_days - silence_until - silence_days, 0)
                else 0
            end
        )
        -- and since the last order all are that long
        + max(silence_days * greatest(last_days_before - silence_days, 0)) as all_waits
    from moments
    group by journey_id

),

usually as (

    select
        journey_id,
        {{ ratio('near_moments', 'again_moments') }} as usual_again_share,
        {{ ratio('all_waits', 'silence_moments') }} as usual_wait_days
    from usual

),

nexts as (

    select
        bad_moments.journey_id,
        min_by(orders.ordered_at, (orders.turn_at, orders.ordered_at)) as next_ordered_at
    from bad_moments
    inner join orders
        on bad_moments.customer_id = orders.customer_id and orders.turn_at > bad_moments.bad_at
    group by bad_moments.journey_id

),

waited as (

    select
        bad_moments.*,
        case
            when bad_moments.is_slow or bad_moments.is_reopened or bad_moments.is_negative then 'mishandled'
            when bad_moments.is_settled then 'handled'
            else 'unknown'
        end as handling,
        {{ hours_between('bad_moments.bad_at', cutoff()) }} / 24e0 as observed_days,
        nexts.next_ordered_at,
        case
            when nexts.next_ordered_at is not null
                then greatest({{ hours_between('bad_moments.bad_at', 'nexts.next_ordered_at') }} / 24e0, 0)
        end as next_order_days,
        coalesce(rhythms.gap_count, 0) as gap_count,
        horizons.usual_days,
        horizons.again_days,
        case when usually.usual_wait_days is not null then horizons.silence_days end as silence_days,
        usually.usual_again_share,
        usually.usual_wait_days
    from bad_moments
    left join nexts on bad_moments.journey_id = nexts.journey_id
    left join rhythms on bad_moments.journey_id = rhythms.journey_id
    left join horizons on bad_moments.journey_id = horizons.journey_id
    left join usually on bad_moments.journey_id = usually.journey_id

)

select
    journey_id,
    customer_id,
    bad_at,
    bad_date,
    cast(ticket_count as bigint) as ticket_count,
    cast(priority as string) as priority,
    cast(handling as string) as handling,
    is_slow,
    is_reopened,
    is_negative,
    next_ordered_at,
    cast(round(next_order_days * 1e4) / 1e4 as double) as next_order_days,
    cast(gap_count as bigint) as gap_count,
    cast(round(usual_days * 1e4) / 1e4 as double) as usual_days_between_orders,
    cast(round(again_days * 1e4) / 1e4 as double) as again_days,
    cast(round(silence_days * 1e4) / 1e4 as double) as silence_days,
    cast(
        case
            when silence_days is null then 'no_rhythm'
            when next_order_days <= silence_days then 'ordered'
            when observed_days >= silence_days then 'silent'
            else 'too_early'
        end as string
    ) as outcome,
    coalesce(observed_days >= silence_days, false) as is_compared,
    case
        when observed_days >= silence_days
            then cast(round(least(coalesce(next_order_days, silence_days), silence_days) * 1e4) / 1e4 as double)
    end as waited_days,
    cast(round(usual_wait_days * 1e4) / 1e4 as double) as usual_wait_days,
    case
        when observed_days >= silence_days then coalesce(next_order_days <= again_days, false)
    end as has_ordered_again,
    cast(round(usual_again_share * 1e6) / 1e6 as double) as usual_again_share
from waited
