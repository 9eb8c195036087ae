{{ config(materialized='table') }}

-- Fees, postage, vouchers and corrections stand among the articles, by codes that the policy names.
-- Goods are left out: nearly all are.
with

products as (

    select product_id from {{ ref('stg_shop__order_lines') }}
    union
    select product_id from {{ ref('stg_shop__products') }}

),

classed as (

    select
        product_id,
        case
            {% for class in var('product_classes') %}
            when
                regexp_full_match(product_id, {{ sql_text('(?i)(' ~ class.codes | join('|') ~ ')') }})
                then '{{ class.name }}'
            {% endfor %}
        end as product_class
    from products

)

select
    product_id,
    cast(product_class as varchar) as product_class,
    -- what is negative takes something off the amount, and brings nothing back
    list_contains(
        [{{ sql_texts(var('product_classes') | rejectattr('comes_back') | map(attribute='name')) }}], product_class
    ) as is_deduction
from classed
where product_class is not null
