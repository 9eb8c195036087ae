-- A line can arrive a night before its order; one that stays alone is missing from the facts.
{{ config(severity='warn') }}

select
    lines.order_id,
    lines.product_id
from {{ ref('canonical_order_lines') }} as lines
left join {{ ref('fct_orders') }} as orders on lines.order_id = orders.order_id
where orders.order_id is null
