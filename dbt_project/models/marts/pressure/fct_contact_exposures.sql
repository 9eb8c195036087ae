{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'exposure_date', 'of_customers': true},
        pre_hook="{{ find_days_with_new_evidence() }}"
    )
}}

{% set events = 'events' if is_incremental() else ref('int_pressure__evidence') %}

with

{% if is_incremental() %}
-- What lies within reach of the days to rebuild is read once. Of all history, kept, it would be a second copy of the
-- fact: each of those below reads its own few columns.
events as (

    {% for fact, before, after in evidence_reach() %}
    select *
    from {{ ref('int_pressure__evidence') }}
    where
        kind {{ '=' if fact == ref('fct_control_draws') else '<>' }} 'control'
        and event_date in ({{ days_within_reach(before, after) }})
        and {{ is_of_touched_customer() }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

{% endif %}
-- One narrow row per customer and day is all that the windows have to sort; doubles, because they
-- are added up in half the time that whole numbers without a limit take.
daily as (

    select
        customer_id,
        event_date,
        {% for kind in ['contact', 'control', 'service', 'visit'] %}
        cast(count(*) filter (where kind = '{{ kind }}') as double) as {{ kind }}_count,
        {% endfor %}
        -- an order or a reply of which nobody knows the hour
        max(case when kind = 'response' and {{ has_no_hour('event') }} then event_date end) as response_date
    from {{ events }}
    group by customer_id, event_date

),

around as (

    select
        customer_id,
        event_date,
        contact_count + control_count > 0 as is_exposed,
        sum(contact_count) over before_28d as contacts_28d,
        sum(contact_count) over before_30d as contacts_30d,
        sum(control_count) over before_90d as control_count_90d,
        sum(service_count) over next_3d as service_count_3d,
        sum(service_count) over before_28d as service_count_28d,
        sum(visit_count) over next_3d as visit_count_3d,
        min(response_date) over while_answered as response_date
    from daily
    window
        before_28d as (
            partition by customer_id order by {{ day_number('event_date') }} nulls last
            range between 28 preceding and 1 preceding
        ),
        before_30d as (
            partition by customer_id order by {{ day_number('event_date') }} nulls last
            range between 30 preceding and 1 preceding
        ),
        before_90d as (
            partition by customer_id order by {{ day_number('event_date') }} nulls last
            range between 90 preceding and 1 preceding
        ),
        next_3d as (
            partition by customer_id order by {{ day_number('event_date') }} nulls last
            range between current row and 3 following
        ),
        while_answered as (
            partition by customer_id order by {{ day_number('event_date') }} nulls last
            range between current row and {{ most_answer_days() - 1 }} following
        )

),

exposed_days as (

    select * from around
    where is_exposed

),

-- Who leaves without saying because of which message left after the last one.
last_exposed_days as (

    select
        reactions.customer_id,
        bool_or(reactions.kind = 'opt_out') as has_opt_out,
        bool_or(reactions.kind = 'complaint') as has_complaint,
        max(exposed_days.event_date) as event_date
    from {{ events }} as reactions
    inner join exposed_days
        on
            reactions.customer_id = exposed_days.customer_id
            and exposed_days.event_date between reactions.event_date - 7 and reactions.event_date
    where reactions.kind in ('opt_out', 'complaint') and reactions.message_key is null
    group by reactions.customer_id, reactions.event_date

),

unnamed_reactions as (

    select
        customer_id,
        event_date,
        bool_or(has_opt_out) as has_opt_out,
        bool_or(has_complaint) as has_complaint
    from last_exposed_days
    group by customer_id, event_date

),

named_reactions as (

    select
        exposures.event_id,
        {% for kind in ['named_response', 'opt_out', 'complaint'] %}
        bool_or(reactions.kind = '{{ kind }}') as has_{{ kind }},
        {% endfor %}
        bool_or(reactions.answer = 'yes') filter (
            where reactions.kind = 'pulse' and reactions.question = 'too_much'
        ) as has_said_too_much,
        bool_or(reactions.answer = 'no') filter (
            where reactions.kind = 'pulse' and reactions.question = 'clear'
        ) as has_said_unclear
    from {{ events }} as exposures
    inner join {{ events }} as reactions
        on
            exposures.customer_id = reactions.customer_id
            and exposures.message_key = reactions.message_key
            and {{ is_answer_to('exposures.event', 'reactions.event', answer_days('exposures.channel')) }}
    where
        exposures.kind = 'contact'
        and reactions.kind in ('named_response', 'opt_out', 'complaint', 'pulse')
    group by exposures.event_id

),

-- The next order or reply that names no message, by the hour.
next_responses as (

    select
        event_id,
        min(case when kind = 'response' then event_at end) over (
            partition by customer_id order by event_at nulls last
            range between current row and unbounded following
        ) as response_at
    from {{ events }}
    where kind in ('contact', 'control') or (kind = 'response' and not {{ has_no_hour('event') }})
    qualify kind <> 'response'

),

exposures as (

    select
        *,
        {{ answer_days('channel') }} as answer_days,
        cast(date_trunc('month', event_date) as date) - 1 as month_end_date
    from {{ events }}
    where
        kind in ('contact', 'control')
        {% if is_incremental() %}
        and {{ is_touched('event_date') }}
        {% endif %}

),

relationships as (

    select
        customer_id,
        month_end_date,
        relationship_type
    from {{ ref('fct_relationship_months') }}
    {% if is_incremental() %}
    where month_end_date in (
        select cast(date_trunc('month', exposure_date) as date) - 1 from {{ touched_days() }}
    )
    {% endif %}

)

select
    exposures.event_id as exposure_id,
    exposures.customer_id,
    exposures.event_at as exposed_at,
    exposures.event_date as exposure_date,
    cast(exposures.campaign_id as string) as campaign_id,
    cast(exposures.message_id as string) as message_id,
    cast(exposures.channel as string) as channel,
    cast(exposures.kind as string) as arm,
    coalesce(exposed_days.control_count_90d, 0) > 0 as is_in_experiment,
    cast(coalesce(relationships.relationship_type, 'unknown') as string) as relationship_type,
    cast(coalesce(exposed_days.contacts_28d, 0) as integer) as contact_count_28d,
    cast(coalesce(exposed_days.contacts_30d, 0) as integer) as contact_count_30d,
    coalesce(named_reactions.has_named_response, false) as has_named_response,
    coalesce(
        {{ hours_between('exposures.event_at', 'next_responses.response_at') }} < 24 * exposures.answer_days, false
    )
    or coalesce(exposed_days.response_date < exposures.event_date + exposures.answer_days, false)
        as has_unnamed_response,
    {% for kind in ['opt_out', 'complaint'] %}
    coalesce(named_reactions.has_{{ kind }} or unnamed_reactions.has_{{ kind }}, false)
        as has_{{ kind }},
    {% endfor %}
    cast(exposed_days.service_count_3d as integer) as service_contact_count_3d,
    cast(coalesce(exposed_days.service_count_28d, 0) as integer)
        as service_contact_count_28d_before,
    cast(exposed_days.visit_count_3d as integer) as visit_count_3d,
    named_reactions.has_said_too_much,
    named_reactions.has_said_unclear
from exposures
inner join exposed_days
    on
        exposures.customer_id = exposed_days.customer_id
        and exposures.event_date = exposed_days.event_date
left join unnamed_reactions
    on
        exposures.customer_id = unnamed_reactions.customer_id
        and exposures.event_date = unnamed_reactions.event_date
left join named_reactions on exposures.event_id = named_reactions.event_id
left join next_responses on exposures.event_id = next_responses.event_id
left join relationships
    on
        exposures.customer_id = relationships.customer_id
        and exposures.month_end_date = relationships.month_end_date
