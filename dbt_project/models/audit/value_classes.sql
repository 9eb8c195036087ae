{% set measures = ['recency', 'frequency', 'monetary'] %}

-- A customer with an order stands in one of five classes of each measure, and the classes
-- are fifths; or nobody stands in any, where fewer than five are measured or all alike.
with

classes as (

    {% for measure in measures %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ measure }}' as measure,
        {{ measure }}_quintile as quintile,
        count(*) as customer_count
    from {{ ref('dim_customer_value') }}
    where order_count > {{ 'other_currency_order_count' if measure == 'monetary' else 0 }}
    group by {{ measure }}_quintile
    {% endfor %}

),

-- each of them, also where nobody has ordered
measures as (

    {% for measure in measures %}
    {% if not loop.first %}
    union all
    {% endif %}
    select '{{ measure }}' as measure
    {% endfor %}

),

classed as (

    select
        *,
        max(quintile) over (partition by measure) is not null as are_there_any
    from classes

)

select
    measures.measure,
    coalesce(sum(classed.customer_count), 0) as ranked_count,
    coalesce(
        sum(classed.customer_count) filter (
            where
            classed.quintile not between 1 and 5
            or (classed.quintile is null and classed.are_there_any)
        ), 0
    ) as unclassed_count,
    coalesce(max(classed.customer_count) / sum(classed.customer_count), 0) as largest_share
from measures
left join classed on measures.measure = classed.measure
group by measures.measure
