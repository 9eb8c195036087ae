{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'order_date', 'noted': 'all'},
        pre_hook="{{ find_touched_days(
            rows=ref('int_orders__told'),
            changed=ref('int_orders__changed'),
            key='order_id',
            day='order_date',
            watch=['order_id', 'customer_id', 'buyer_kind', 'channel', 'status', 'reporting_rate'],
            followed=[ref('fct_order_lines')],
        ) }}"
    )
}}

with

orders as (

    select * from {{ ref('int_orders__told') }}
    {% if is_incremental() %}
    where order_date in (select touched.order_date from {{ touched_days() }} as touched)
    {% endif %}

),

lines as (

    select
        order_id,
        count(*) as line_count,
        -- pieces; what is weighed or measured adds up with nothing else
        sum(case when quantity_unit is null then item_quantity else 0 end) as item_quantity,
        sum(gross_amount) as gross_amount,
        sum(returned_amount) as returned_amount,
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
    orders.buyer_kind,
    orders.store_id,
    orders.channel,
    orders.ordered_at,
    orders.order_date,
    orders.status,
    orders.is_kept,
    cast(coalesce(lines.line_count, 0) as bigint) as line_count,
    cast(coalesce(lines.item_quantity, 0) as decimal(18, 3)) as item_quantity,
    orders.currency_code,
    {% for column in [
        'gross', 'returned', 'sales', 'retail_discount', 'coupon_discount', 'coupon_match_discount'
    ] %}
    cast(coalesce(lines.{{ column }}_amount, 0) as decimal(18, 3)) as {{ column }}_amount,
    {% endfor %}
    cast(coalesce(lines.discounted_sales_amount, 0) as decimal(18, 3)) as discounted_sales_amount,
    orders.reporting_rate,
    cast(
        {{ at_rate('coalesce(lines.sales_amount, 0)', 'orders.reporting_rate') }} as decimal(18, 3)
    ) as reporting_sales_amount
from orders
left join lines on orders.order_id = lines.order_id
