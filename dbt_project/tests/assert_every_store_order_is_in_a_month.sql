-- A join that loses or multiplies a store's month would show here.
with

orders as (

    select
        count(*) filter (where is_kept) as kept_count,
        count(distinct (store_id, customer_id, order_date)) filter (where is_kept and customer_id is not null)
            as visit_count
    from {{ ref('fct_orders') }}
    where store_id is not null and order_date <= {{ latest_day() }}

),

stores as (

    select
        coalesce(sum(kept_order_count), 0) as kept_count,
        coalesce(sum(visit_count), 0) as visit_count
    from {{ ref('rpt_store_relationships') }}

)

select
    orders.kept_count,
    stores.kept_count as counted_kept_count,
    orders.visit_count,
    stores.visit_count as counted_visit_count
from orders
cross join stores
where orders.kept_count <> stores.kept_count or orders.visit_count <> stores.visit_count
