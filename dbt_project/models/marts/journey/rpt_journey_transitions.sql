{% set breakdowns = {
    'all': "'all'",
    'month': "cast(cast(date_trunc('month', moves.left_date) as date) as string)",
    'relationship_type': "coalesce(relationships.relationship_type, 'unknown')",
} %}

with

-- A median holds all its hours: in ten-thousandths, as whole numbers are half as large, and add up to the same in any
-- order. Moves are read once for each breakdown; kept aside for all three they would be larger than the hours.
counted as (

    {% for breakdown, value in breakdowns.items() %}
    select
        '{{ breakdown }}' as breakdown,
        {{ value }} as breakdown_value,
        moves.from_stage,
        moves.from_channel,
        moves.to_stage,
        moves.to_channel,
        count(*) as transition_count,
        median(cast(round(moves.hours * 1e4) as integer)) as median_time,
        count(moves.hours) as timed_count,
        sum(cast(round(moves.hours * 1e4) as bigint)) as total_time
    from {{ ref('int_journey__moves') }} as moves
    {% if breakdown == 'relationship_type' %}
    left join {{ ref('dim_customer_relationships') }} as relationships
        on moves.customer_id = relationships.customer_id
    {% endif %}
    group by breakdown_value, moves.from_stage, moves.from_channel, moves.to_stage, moves.to_channel
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

left_from as (

    select
        *,
        sum(transition_count) over (
            partition by breakdown, breakdown_value, from_stage, from_channel
        ) as exit_count
    from counted

)

select
    cast(breakdown as string) as breakdown,
    cast(breakdown_value as string) as breakdown_value,
    cast(from_stage as string) as from_stage,
    cast(from_channel as string) as from_channel,
    cast(to_stage as string) as to_stage,
    cast(to_channel as string) as to_channel,
    cast(transition_count as bigint) as transition_count,
    cast(exit_count as bigint) as exit_count,
    cast(round({{ ratio('transition_count', 'exit_count') }} * 1e9) / 1e9 as double) as probability,
    cast(round({{ wilson_low('transition_count', 'exit_count') }} * 1e6) / 1e6 as double) as probability_low,
    cast(round({{ wilson_high('transition_count', 'exit_count') }} * 1e6) / 1e6 as double) as probability_high,
    cast(round(median_time) / 1e4 as double) as median_hours,
    cast(round({{ ratio('total_time', 'timed_count') }} / 1e4 * 1e4) / 1e4 as double) as mean_hours
from left_from
