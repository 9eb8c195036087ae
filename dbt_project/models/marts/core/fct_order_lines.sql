{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'order_date', 'noted': 'all'},
        pre_hook="{{ find_touched_days(
            rows=ref('int_orders__lines'),
            changed=ref('int_orders__changed'),
            key='order_id',
            day='order_date',
            watch=['order_id', 'customer_id'],
        ) }}"
    )
}}

select
    order_id,
    product_id,
    customer_id,
    store_id,
    ordered_at,
    order_date,
    cast(item_quantity as bigint) as item_quantity,
    currency_code,
    cast(sales_amount as decimal(18, 2)) as sales_amount,
    cast(retail_discount_amount as decimal(18, 2)) as retail_discount_amount,
    cast(coupon_discount_amount as decimal(18, 2)) as coupon_discount_amount,
    cast(coupon_match_discount_amount as decimal(18, 2)) as coupon_match_discount_amount
from {{ ref('int_orders__lines') }}
{% if is_incremental() %}
where order_date in (select touched.order_date from {{ touched_days() }} as touched)
{% endif %}
