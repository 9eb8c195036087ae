select 'klaviyo:' || event_id as touchpoint_id
from {{ ref('base_klaviyo__events') }}
where is_new_load and event_id is not null
union
select 'shop:' || order_id as touchpoint_id
from {{ ref('base_shop__orders') }}
where is_new_load and order_id is not null
