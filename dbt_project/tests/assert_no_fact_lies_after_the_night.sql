select order_id as record_id
from {{ ref('fct_orders') }}
where ordered_at >= {{ cutoff() }}
union all
select touchpoint_id as record_id
from {{ ref('fct_touchpoints') }}
where occurred_at >= {{ cutoff() }}
