{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'order_date'},
        pre_hook="{{ follow_days([ref('fct_orders'), ref('fct_campaign_recipients')]) }}"
    )
}}

with

orders as (

    select * from {{ ref('fct_orders') }}
    where
        is_kept
        and customer_id is not null
        {% if is_incremental() %}
        and order_date in (select touched.order_date from {{ touched_days() }} as touched)
        {% endif %}

),

reached as (

    select
        campaign_id,
        customer_id,
        reached_at,
        reached_date,
        window_until_date
    from {{ ref('fct_campaign_recipients') }}
    where
        is_reached
        {% if is_incremental() %}
        and window_until_date >= (select min(orders.order_date) from orders)
        and reached_date <= (select max(orders.order_date) from orders)
        {% endif %}

)

select
    orders.order_id,
    any_value(orders.customer_id) as customer_id,
    any_value(orders.order_date) as order_date,
    any_value(orders.currency_code) as currency_code,
    cast(any_value(orders.sales_amount) as decimal(18, 3)) as sales_amount,
    cast(any_value(orders.reporting_sales_amount) as decimal(18, 3)) as reporting_sales_amount,
    cast(list_sort(list(reached.campaign_id)) as varchar[]) as campaign_ids,
    max_by(reached.campaign_id, (reached.reached_at, reached.campaign_id)) as last_campaign_id
from orders
inner join reached
    on
        orders.customer_id = reached.customer_id
        and orders.order_date between reached.reached_date and reached.window_until_date
group by orders.order_id
