-- What was served or sold went badly, and nothing since says that it is well again: no order, no better word.
-- A case that is still open is not over yet (needs_human_call); what they say in public they did not say to us.
with

told as (

    select
        customer_id,
        step_date,
        occurred_at,
        touchpoint_id,
        emotion,
        topic
    from {{ ref('fct_journey_steps') }}
    where emotion is not null and topic not in ('too_much', 'clear', 'mention')

),

last_told as (

    select
        customer_id,
        max_by(step_date, (occurred_at, touchpoint_id)) as step_date,
        max_by(occurred_at, (occurred_at, touchpoint_id)) as occurred_at,
        max_by(emotion, (occurred_at, touchpoint_id)) as emotion,
        max_by(topic, (occurred_at, touchpoint_id)) as topic,
        count(*) filter (
            where emotion <= {{ var('recovery_most_emotion') }}
            and step_date > {{ latest_day() }} - {{ var('recovery_within_days') }}
        ) as bad_moment_count
    from told
    group by customer_id

),

open_cases as (

    select distinct customer_id
    from {{ ref('fct_tickets') }}
    where not is_closed and customer_id is not null

)

select
    last_told.customer_id,
    cast(
        case
            when last_told.topic = 'sentiment' then 'A case of theirs ended badly on '
            else 'Gave us a bad grade (' || upper(last_told.topic) || ') on '
        end
        || cast(last_told.step_date as string)
        || case
            when last_told.bad_moment_count > 1
                then
                    ', one of ' || cast(last_told.bad_moment_count as string) || ' bad moments in '
                    || {{ sql_text(var('recovery_within_days') ~ ' days') }}
            else ''
        end
        || '; no better word and no order since. '
        || case
            when value.order_count > 0
                then
                    {{ counted('value.order_count', 'order') }} || ' before, last on '
                    || cast(value.last_order_date as string) || '.'
            else 'Never ordered.'
        end as string
    ) as reason,
    -- who is worse off first, then who came to us for more
    cast(
        round(
            (
                last_told.bad_moment_count - last_told.emotion
                + least(cast(value.sales_amount_365d as double) / 1e6, 1e-1)
            ) * 1e6
        ) / 1e6 as double
    ) as urgency
from last_told
inner join {{ ref('dim_customer_value') }} as value on last_told.customer_id = value.customer_id
left join open_cases on last_told.customer_id = open_cases.customer_id
where
    last_told.emotion <= {{ var('recovery_most_emotion') }}
    and last_told.step_date > {{ latest_day() }} - {{ var('recovery_within_days') }}
    and open_cases.customer_id is null
    and (value.last_order_date is null or value.last_order_date <= last_told.step_date)
