{% set private = var('need_private_categories') | map('lower') | list %}

select
    product_id,
    product_category
from {{ ref('dim_products') }}
where
    is_in_catalogue
    and product_class = 'goods'
    and product_category is not null
    and not {{ is_one_of('lower(product_category)', private) }}
