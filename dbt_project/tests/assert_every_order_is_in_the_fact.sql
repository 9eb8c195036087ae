select order_id from {{ ref('canonical_orders') }}
except
select order_id from {{ ref('fct_orders') }}
