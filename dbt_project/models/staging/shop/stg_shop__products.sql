with

versions as (

    select * from {{ ref('base_shop__products') }}

)

select
    product_id,
    manufacturer_id,
    department,
    brand,
    product_category,
    product_type,
    package_size,
    updated_at
from versions
where {{ is_staged() }}
