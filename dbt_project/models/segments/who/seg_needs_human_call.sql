-- They turned to us and wait for an answer that no machine gives: an open case that takes too long or came back, a
-- call that nobody took. Only of who wants people, or is treated by them.
with

cases as (

    select
        customer_id,
        count(*) as case_count,
        max(open_hours) as open_hours,
        sum(reopened_count) as reopened_count
    from {{ ref('fct_tickets') }}
    where
        not is_closed
        and customer_id is not null
        and (
            is_reopened
            or coalesce(first_response_hours, open_hours) > {{ var('slow_first_response_hours') }}
        )
    group by customer_id

),

calls as (

    select
        customer_id,
        occurred_at,
        touchpoint_date,
        event_type = 'attempted' as is_in_vain
    from {{ ref('fct_touchpoints') }}
    where
        channel = 'phone'
        -- that we tried and missed them as well is no talk
        and (event_type = 'called' or (event_type = 'attempted' and direction = 'inbound'))
        and touchpoint_date > {{ latest_day() }} - {{ var('call_back_within_days') }}

),

talks as (

    select
        customer_id,
        max(occurred_at) filter (where not is_in_vain) as last_talked_at
    from calls
    group by customer_id

),

unanswered as (

    select
        calls.customer_id,
        count(*) as call_count,
        max(calls.touchpoint_date) as last_call_date
    from calls
    inner join talks on calls.customer_id = talks.customer_id
    where
        calls.is_in_vain
        and (talks.last_talked_at is null or calls.occurred_at > talks.last_talked_at)
    group by calls.customer_id

)

select
    relationships.customer_id,
    cast(
        concat_ws(
            '; ',
            case
                when cases.case_count > 0
                    then
                        'Waits for an answer in ' || {{ counted('cases.case_count', 'open case') }} || ', for '
                        || {{ counted('round(cases.open_hours)', 'hour') }}
                        || case
                            when cases.reopened_count > 0
                                then ', reopened ' || {{ counted('cases.reopened_count', 'time') }}
                            else ''
                        end
            end,
            case
                when unanswered.call_count > 0
                    then
                        'Called in vain ' || {{ counted('unanswered.call_count', 'time') }} || ', last on '
                        || cast(unanswered.last_call_date as string)
            end,
            case
                when relationships.wanted_human_share >= {{ var('wants_people_from') }}
                    then
                        cast(cast(round(100e0 * relationships.wanted_human_share) as bigint) as string)
                        || ' % of what they do with us is with people'
                else 'as ' || relationships.relationship_type || ' they are treated by people'
            end
        ) || '.' as string
    ) as reason,
    cast(
        round(
            (
                coalesce(unanswered.call_count, 0)
                + coalesce(cases.reopened_count, 0)
                + coalesce(cases.open_hours, 0) / 24e0
            ) * 1e6
        ) / 1e6 as double
    ) as urgency
from {{ ref('dim_customer_relationships') }} as relationships
left join cases on relationships.customer_id = cases.customer_id
left join unanswered on relationships.customer_id = unanswered.customer_id
where
    (cases.customer_id is not null or unanswered.customer_id is not null)
    and (
        relationships.wanted_human_share >= {{ var('wants_people_from') }}
        or relationships.has_human_desk
    )
