{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id', 'noted': 'rebuilt'},
        pre_hook="{{ follow_customers([ref('fct_customer_months'), ref('rpt_signal_coverage')]) }}"
    )
}}

with

gathered as (

    {{ gathered_evidence(latest_day(), of=is_of_touched_customer()) }}

),

seen_from as (

    {{ signals_seen_from() }}

),

measured as (

    {{ relationship_measures() }}

),

signalled as (

    {{ relationship_signal_values() }}

),

listed as (

    select
        customer_id,
        unnest([
            {% for axis, signal, value, observations in relationship_signals() %}
            {
                'axis': '{{ axis }}',
                'signal': '{{ signal }}',
                'value': {{ signal }}_value,
                'observation_count': cast({{ observations }} as double),
                'weight': {{ signal }}_weight
            }{{ ',' if not loop.last }}
            {% endfor %}
        ], recursive := true)
    from signalled

)

select
    customer_id,
    cast(axis as string) as axis,
    cast(signal as string) as signal,
    cast(round(value * 1e4) / 1e4 as double) as value,
    cast(round(observation_count * 1e2) / 1e2 as double) as observation_count,
    cast(round(weight * 1e4) / 1e4 as double) as weight
from listed
where weight > 0
