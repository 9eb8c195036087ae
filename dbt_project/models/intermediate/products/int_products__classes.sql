{{ config(materialized='table') }}

{% set classes = var('product_classes') %}
{% set deductions = classes | rejectattr('comes_back') | map(attribute='name') | list %}

-- Fees, postage, vouchers and corrections stand among the articles, by codes that the policy names.
-- Goods are left out: nearly all are.
with

products as (

    select
        product_id,
        {{ own_code('source', 'product_id') }} as code
    from {{ ref('canonical_order_lines') }}
    union
    select
        product_id,
        {{ own_code('source', 'product_id') }} as code
    from {{ ref('canonical_products') }}

),

classed as (

    select
        product_id,
        {{ product_class_of('code') }} as product_class
    from products

)

select
    product_id,
    cast(product_class as string) as product_class,
    -- what is negative takes something off the amount, and brings nothing back
    {{ is_one_of('product_class', deductions) }} as is_deduction
from classed
where product_class is not null
