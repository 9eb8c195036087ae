-- Words that the shop says of its orders and no policy knows: whether the order stands is a guess.
with

words as (

    select
        order_status,
        count(*) as order_count,
        {% for status in ['cancelled', 'returned', 'kept'] %}
        {% if not loop.first %}or {% endif -%}
        bool_or(coalesce({{ is_one_of('order_status', var('order_statuses').get(status, [])) }}, false))
        {% endfor %}
            as is_known
    from {{ ref('canonical_orders') }}
    where order_status is not null
    group by order_status

)

select
    case
        when is_known then order_status
        else order_status || ': ' || {{ counted('order_count', 'order') }}
    end as order_status,
    case when is_known then 0 else order_count end as unknown_order_count
from words
union all
select
    'no status' as order_status,
    0 as unknown_order_count
