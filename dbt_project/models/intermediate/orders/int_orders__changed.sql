select order_id
from {{ ref('canonical_orders') }}
where is_new_load
union
select order_id
from {{ ref('canonical_order_lines') }}
where is_new_load
