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
            watch=['order_id', 'product_id', 'line_number', 'customer_id', 'buyer_kind',
                   'product_class', 'status', 'returned_order_id', 'returned_quantity',
                   'returned_amount'],
        ) }}"
    )
}}

select *
from {{ ref('int_orders__lines') }}
{% if is_incremental() %}
where order_date in (select touched.order_date from {{ touched_days() }} as touched)
{% endif %}
