{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id', 'noted': 'rebuilt'},
        pre_hook="{{ follow_customers([ref('int_relationship__scores'), ref('rpt_signal_coverage')]) }}"
    )
}}

with

latest_months as (

    select
        customer_id,
        max(month_start_date) as month_start_date
    from {{ ref('int_relationship__scores') }}
    where {{ is_of_touched_customer() }}
    group by customer_id

),

latest as (

    select *
    from {{ ref('int_relationship__scores') }}
    where
        {{ is_of_touched_customer() }}
        and (customer_id, month_start_date) in (select customer_id, month_start_date from latest_months)

),

seen_from as (

    select {{ signals_seen_from() }}
    from {{ ref('rpt_signal_coverage') }}

),

measured as (

    select
        latest.*,
        {% for axis, signal, value, observations in relationship_signals() %}
        {{ is_seen(signal) }} as is_{{ signal }}_seen,
        {% endfor %}
        {% for signal in signals_by_month() %}
        {{ months_for(signal) }} as months_for_{{ signal }}{{ ',' if not loop.last }}
        {% endfor %}
    from latest
    cross join seen_from

),

{%- set signals = [] %}
{% for axis, signal, value, observations in relationship_signals() %}
{% do signals.append(record({
    'axis': sql_text(axis),
    'signal': sql_text(signal),
    'value': 'cast(' ~ value ~ ' as double)',
    'observation_count': 'cast(' ~ observations ~ ' as double)',
    'weight': 'cast(' ~ signal_weight(signal, observations) ~ ' as double)',
})) %}
{% endfor %}

signalled as (

    select
        customer_id,
        {{ unnested(list_of(signals)) }} as seen
    from measured

)

select
    customer_id,
    cast(seen.axis as string) as axis,
    cast(seen.signal as string) as signal,
    cast(round(seen.value * 1e4) / 1e4 as double) as value,
    cast(round(seen.observation_count * 1e2) / 1e2 as double) as observation_count,
    cast(round(seen.weight * 1e4) / 1e4 as double) as weight
from signalled
where seen.weight > 0
