{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'exposure_date'},
        pre_hook="{{ find_days_with_new_evidence() }}"
    )
}}

with

{% if is_incremental() %}
touched as (

    select * from {{ touched_days() }}

),

-- Events further away than any kind of evidence reaches are not even read.
needed as (

    select distinct
        unnest(
            generate_series(
                touched.exposure_date - interval 90 day, touched.exposure_date + interval 7 day,
                interval 1 day
            )
        ) as event_at
    from touched

),
{% else %}
touched as (

    {{ evidence_by_day() }}

),
{% endif %}

events as (

    select * from ({{ contact_evidence() }}) as evidence
    where
        kind is not null
        {% if is_incremental() %}
        and event_date in (select cast(needed.event_at as date) from needed)
        {% endif %}

),

-- One narrow row per customer and day is all that the windows have to sort.
daily as (

    select
        customer_key,
        {{ day_number('event_date') }} as day_number,
        count(*) filter (where kind in ('contact', 'control')) > 0 as is_exposed,
        {% for kind in ['contact', 'control', 'response', 'service', 'visit'] %}
        cast(count(*) filter (where kind = '{{ kind }}') as integer) as {{ kind }}_count,
        {% endfor %}
        bool_or(kind = 'opt_out' and message_key is null) as has_unnamed_opt_out,
        bool_or(kind = 'complaint' and message_key is null) as has_unnamed_complaint
    from events
    group by customer_key, day_number

),

around as (

    select
        customer_key,
        day_number,
        is_exposed,
        has_unnamed_opt_out,
        has_unnamed_complaint,
        sum(contact_count) over before_28d as contacts_28d,
        sum(contact_count) over before_30d as contacts_30d,
        sum(control_count) over before_90d as control_count_90d,
        sum(response_count) over next_7d as response_count_7d,
        sum(service_count) over next_3d as service_count_3d,
        sum(service_count) over before_28d as service_count_28d,
        sum(visit_count) over next_3d as visit_count_3d,
        max(case when is_exposed then day_number end) over last_7d as last_exposure_day
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
        next_7d as (
            partition by customer_key order by day_number
            range between current row and 7 following
        ),
        next_3d as (
            partition by customer_key order by day_number
            range between current row and 3 following
        ),
        last_7d as (
            partition by customer_key order by day_number
            range between 7 preceding and current row
        )

),

-- Who leaves without saying because of which message left after the last one.
unnamed_reactions as (

    select
        customer_key,
        last_exposure_day as day_number,
        bool_or(has_unnamed_opt_out) as has_opt_out,
        bool_or(has_unnamed_complaint) as has_complaint
    from around
    where has_unnamed_opt_out or has_unnamed_complaint
    group by customer_key, last_exposure_day

),

named_reactions as (

    select
        customer_key,
        message_key,
        {% for kind in ['named_response', 'opt_out', 'complaint'] %}
        min(occurred_at) filter (where kind = '{{ kind }}') as {{ kind }}_at,
        {% endfor %}
        min(occurred_at) filter (where kind = 'pulse') as pulse_at,
        bool_or(answer = 'yes') filter (
            where kind = 'pulse' and question = 'too_much'
        ) as said_too_much,
        bool_or(answer = 'no') filter (
            where kind = 'pulse' and question = 'clear'
        ) as said_unclear
    from events
    where
        kind in ('named_response', 'opt_out', 'complaint', 'pulse')
        and message_key is not null
    group by customer_key, message_key

),

exposures as (

    select
        events.*,
        touched.evidence_digest,
        {{ day_number('events.event_date') }} as day_number,
        cast(date_trunc('month', events.event_date) as date) - 1 as month_end_date
    from events
    inner join touched on events.event_date = touched.exposure_date
    where events.kind in ('contact', 'control')

),

matched as (

    select
        exposures.*,
        around.control_count_90d,
        around.contacts_28d,
        around.contacts_30d,
        around.response_count_7d,
        around.service_count_3d,
        around.service_count_28d,
        around.visit_count_3d,
        coalesce(unnamed_reactions.has_opt_out, false) as has_unnamed_opt_out_after,
        coalesce(unnamed_reactions.has_complaint, false) as has_unnamed_complaint_after,
        {% for kind in ['named_response', 'opt_out', 'complaint', 'pulse'] %}
        coalesce(
            named_reactions.{{ kind }}_at >= exposures.occurred_at
            and named_reactions.{{ kind }}_at < exposures.occurred_at + interval 7 day
            and exposures.kind = 'contact',
            false
        ) as is_{{ kind }}_after,
        {% endfor %}
        named_reactions.said_too_much,
        named_reactions.said_unclear,
        relationships.relationship_type
    from exposures
    inner join around
        on
            exposures.customer_key = around.customer_key
            and exposures.day_number = around.day_number
    left join unnamed_reactions
        on
            exposures.customer_key = unnamed_reactions.customer_key
            and exposures.day_number = unnamed_reactions.day_number
    left join named_reactions
        on
            exposures.customer_key = named_reactions.customer_key
            and exposures.message_key = named_reactions.message_key
    left join {{ ref('fct_relationship_months') }} as relationships
        on
            exposures.customer_id = relationships.customer_id
            and exposures.month_end_date = relationships.month_end_date

)

select
    matched.event_id as exposure_id,
    matched.customer_id,
    matched.occurred_at as exposed_at,
    matched.event_date as exposure_date,
    cast(matched.campaign_id as varchar) as campaign_id,
    cast(matched.message_id as varchar) as message_id,
    cast(coalesce(matched.channel, campaigns.channel) as varchar) as channel,
    cast(matched.kind as varchar) as arm,
    coalesce(matched.control_count_90d, 0) > 0 as is_in_experiment,
    cast(coalesce(matched.relationship_type, 'unknown') as varchar) as relationship_type,
    cast(coalesce(matched.contacts_28d, 0) as integer) as contact_count_28d,
    cast(coalesce(matched.contacts_30d, 0) as integer) as contact_count_30d,
    matched.is_named_response_after as has_named_response,
    matched.response_count_7d > 0 as has_unnamed_response,
    matched.is_opt_out_after or matched.has_unnamed_opt_out_after as has_opt_out,
    matched.is_complaint_after or matched.has_unnamed_complaint_after as has_complaint,
    cast(matched.service_count_3d as integer) as service_contact_count_3d,
    cast(coalesce(matched.service_count_28d, 0) as integer) as service_contact_count_28d_before,
    cast(matched.visit_count_3d as integer) as visit_count_3d,
    case when matched.is_pulse_after then matched.said_too_much end as has_said_too_much,
    case when matched.is_pulse_after then matched.said_unclear end as has_said_unclear,
    matched.evidence_digest
from matched
left join {{ ref('dim_campaigns') }} as campaigns on matched.campaign_id = campaigns.campaign_id
