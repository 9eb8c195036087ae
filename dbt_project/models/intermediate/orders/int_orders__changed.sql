select order_id
from {{ ref('base_shop__orders') }}
where is_new_load and order_id is not null
union
select order_id
from {{ ref('base_shop__order_lines') }}
where is_new_load and order_id is not null
