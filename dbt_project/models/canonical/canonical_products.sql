select
    cast('shop' as string) as source,
    product_id,
    manufacturer_id,
    department,
    brand,
    product_category,
    product_type,
    package_size,
    updated_at
from {{ ref('stg_shop__products') }}
union all
select
    source,
    product_id,
    manufacturer_id,
    department,
    brand,
    product_category,
    product_type,
    package_size,
    updated_at
from {{ ref('base_mapped__products') }}
where {{ is_staged() }}
