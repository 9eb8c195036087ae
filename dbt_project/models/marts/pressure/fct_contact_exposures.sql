{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'exposure_date', 'of_customers': true},
        pre_hook="{{ find_days_with_new_evidence() }}"
    )
}}

with

-- Read several times for a few columns each: of all history that takes less than keeping it once,
-- of a night it takes more.
events as {{ 'materialized' if is_incremental() else 'not materialized' }} (

    select
        *,
        {{ day_number('event_date') }} as day_number
    from ({{ contact_evidence() }}) as evidence
    where kind is not null

),

-- One narrow row per customer and day is all that the windows have to sort; doubles, because they
-- are added up in half the time that whole numbers without a limit take.
daily as (

    select
        customer_key,
        day_number,
        {% for kind in ['contact', 'control', 'service'] %}
        cast(count(*) filter (where kind = '{{ kind }}') as double) as {{ kind }}_count,
        {% endfor %}
        cast(count(*) filter (where kind = 'visit') as double) as visit_count
    from events
    group by customer_key, day_number

),

around as (

    select
        customer_key,
        day_number,
        contact_count + control_count > 0 as is_exposed,
        sum(contact_count) over before_28d as contacts_28d,
        sum(contact_count) over before_30d as contacts_30d,
        sum(control_count) over before_90d as control_count_90d,
        sum(service_count) over next_3d as service_count_3d,
        sum(service_count) over before_28d as service_count_28d,
        sum(visit_count) over next_3d as visit_count_3d
    from daily
    window
        before_28d as (
            partition by customer_key order by day_number
            range between 28 preceding and 1 preceding
        ),
        before_30d as (
            partition by customer_key order by day_number
            range between 30 preceding and 1 preceding
        ),
        before_90d as (
            partition by customer_key order by day_number
            range between 90 preceding and 1 preceding
        ),
        next_3d as (
            partition by customer_key order by day_number
            range between current row and 3 following
        )

),

exposed_days as not materialized (

    select
        customer_key,
        day_number
    from events
    where kind in ('contact', 'control')

),

-- Who leaves without saying because of which message left after the last one.
unnamed_reactions as (

    select
        reactions.customer_key,
        exposed.day_number,
        bool_or(reactions.kind = 'opt_out') as has_opt_out,
        bool_or(reactions.kind = 'complaint') as has_complaint
    from events as reactions
    asof inner join exposed_days as exposed
        on
            reactions.customer_key = exposed.customer_key
            and reactions.day_number >= exposed.day_number
    where
        reactions.kind in ('opt_out', 'complaint')
        and reactions.message_key is null
        and reactions.day_number <= exposed.day_number + 7
    group by reactions.customer_key, exposed.day_number

),

exposures as not materialized (

    select
        *,
        {{ answer_days('channel') }} as answer_days,
        cast(date_trunc('month', event_date) as date) - 1 as month_end_date
    from events
    where
        kind in ('contact', 'control')
        {% if is_incremental() %}
        and {{ is_touched('event_date') }}
        {% endif %}

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
    from exposures
    inner join events as reactions
        on
            exposures.customer_key = reactions.customer_key
            and exposures.message_key = reactions.message_key
            and {{ is_answer_to('exposures.event', 'reactions.event', 'exposures.answer_days') }}
    where
        exposures.kind = 'contact'
        and reactions.kind in ('named_response', 'opt_out', 'complaint', 'pulse')
    group by exposures.event_id

),

-- Orders and replies that name no message: the next one, by the hour and, of those without one, by the day.
{% for by, without in [('hour', 'not '), ('day', '')] %}
responses_by_{{ by }} as not materialized (

    select
        customer_key,
        day_number,
        event_at,
        event_date
    from events
    where kind = 'response' and {{ without }}{{ has_no_hour('event') }}

),

{% endfor %}
unnamed_responses as (

    select
        exposures.event_id,
        {{ is_answer_to('exposures.event', 'responses_by_hour.event', 'exposures.answer_days') }}
        or {{ is_answer_to('exposures.event', 'responses_by_day.event', 'exposures.answer_days') }}
            as has_unnamed_response
    from exposures
    asof left join responses_by_hour
        on
            exposures.customer_key = responses_by_hour.customer_key
            and exposures.event_at <= responses_by_hour.event_at
    asof left join responses_by_day
        on
            exposures.customer_key = responses_by_day.customer_key
            and exposures.day_number <= responses_by_day.day_number

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
    coalesce(around.control_count_90d, 0) > 0 as is_in_experiment,
    cast(coalesce(relationships.relationship_type, 'unknown') as string) as relationship_type,
    cast(coalesce(around.contacts_28d, 0) as integer) as contact_count_28d,
    cast(coalesce(around.contacts_30d, 0) as integer) as contact_count_30d,
    coalesce(named_reactions.has_named_response, false) as has_named_response,
    coalesce(unnamed_responses.has_unnamed_response, false) as has_unnamed_response,
    {% for kind in ['opt_out', 'complaint'] %}
    coalesce(named_reactions.has_{{ kind }} or unnamed_reactions.has_{{ kind }}, false)
        as has_{{ kind }},
    {% endfor %}
    cast(around.service_count_3d as integer) as service_contact_count_3d,
    cast(coalesce(around.service_count_28d, 0) as integer)
        as service_contact_count_28d_before,
    cast(around.visit_count_3d as integer) as visit_count_3d,
    named_reactions.has_said_too_much,
    named_reactions.has_said_unclear
from exposures
inner join around
    on
        exposures.customer_key = around.customer_key
        and exposures.day_number = around.day_number
        and around.is_exposed
left join unnamed_reactions
    on
        exposures.customer_key = unnamed_reactions.customer_key
        and exposures.day_number = unnamed_reactions.day_number
left join named_reactions on exposures.event_id = named_reactions.event_id
left join unnamed_responses on exposures.event_id = unnamed_responses.event_id
left join relationships
    on
        exposures.customer_id = relationships.customer_id
        and exposures.month_end_date = relationships.month_end_date
