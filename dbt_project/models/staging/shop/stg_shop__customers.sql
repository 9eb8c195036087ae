with

versions as (

    select * from {{ ref('base_shop__customers') }}

)

select
    shop_customer_id,
    email,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
