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

)

select
    measure,
    sum(customer_count) as ranked_count,
    coalesce(
        sum(customer_count) filter (
            where quintile not between 1 and 5 or (quintile is null and are_there_any)
        ), 0
    ) as unclassed_count,
    max(customer_count) / sum(customer_count) as largest_share
from (
    select
        *,
        max(quintile) over (partition by measure) is not null as are_there_any
    from classes
) as classed
group by measure
