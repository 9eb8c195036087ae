with

counted as (

    {% for area in ['used', 'filled', 'asked', 'kept', 'reached'] %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        month_start_date,
        measure,
        scope,
        counted,
        total
    from {{ ref('int_programme__' ~ area) }}
    {% endfor %}

)

select
    counted.month_start_date,
    counted.measure,
    counted.scope,
    measures.area,
    measures.cause,
    measures.question,
    measures.unit,
    measures.is_higher_better,
    counted.counted,
    counted.total
from counted
inner join {{ ref('programme_measures') }} as measures on counted.measure = measures.measure
inner join {{ ref('int_programme__months') }} as months
    on counted.month_start_date = months.month_start_date
where counted.total > 0
