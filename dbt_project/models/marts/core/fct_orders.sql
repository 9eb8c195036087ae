{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'order_date', 'noted': 'all'},
        pre_hook="{{ find_touched_days(
            rows=ref('int_orders__with_customers'),
            changed=ref('int_orders__changed'),
            key='order_id',
            day='order_date',
            watch=['order_id', 'customer_id'],
        ) }}"
    )
}}

with

orders as (

    select * from {{ ref('int_orders__with_customers') }}
    {% if is_incremental() %}
    where order_date in (select touched.order_date from {{ touched_days() }} as touched)
    {% endif %}

),

lines as (

    select
        order_id,
        count(*) as line_count,
        sum(item_quantity) as item_quantity,
        sum(sales_amount) as sales_amount,
        sum(retail_discount_amount) as retail_discount_amount,
        sum(coupon_discount_amount) as coupon_discount_amount,
        sum(coupon_match_discount_amount) as coupon_match_discount_amount,
        sum(
            case
                when
                    retail_discount_amount > 0
                    or coupon_discount_amount > 0
                    or coupon_match_discount_amount > 0
                    then sales_amount
                else 0
            end
        ) as discounted_sales_amount
    from {{ ref('fct_order_lines') }}
    {% if is_incremental() %}
    where order_date in (select touched.order_date from {{ touched_days() }} as touched)
    {% endif %}
    group by order_id

)

select
    orders.order_id,
    orders.customer_id,
    orders.store_id,
    orders.ordered_at,
    orders.order_date,
    cast(coalesce(lines.line_count, 0) as bigint) as line_count,
    cast(coalesce(lines.item_quantity, 0) as bigint) as item_quantity,
    orders.currency_code,
    cast(coalesce(lines.sales_amount, 0) as decimal(18, 2)) as sales_amount,
    cast(coalesce(lines.retail_discount_amount, 0) as decimal(18, 2)) as retail_discount_amount,
    cast(coalesce(lines.coupon_discount_amount, 0) as decimal(18, 2)) as coupon_discount_amount,
    cast(
        coalesce(lines.coupon_match_discount_amount, 0) as decimal(18, 2)
    ) as coupon_match_discount_amount,
    cast(
        coalesce(lines.discounted_sales_amount, 0) as decimal(18, 2)
    ) as discounted_sales_amount
from orders
left join lines on orders.order_id = lines.order_id
