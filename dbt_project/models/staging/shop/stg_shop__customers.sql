with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'shop' and object_type = 'customers'

),

versions as (

    select
        base.*,
        {{ is_removed('base', 'removals', can_be_archived=false) }} as is_removed,
        {{ is_erased('base', 'removals', can_be_archived=false) }} as is_erased
    from {{ ref('base_shop__customers') }} as base
    left join removals
        on base.shop_customer_id = removals.record_id
    where {{ is_staged() }}

)

select
    shop_customer_id,
    case when not is_erased then email end as email,
    is_removed,
    first_load_date,
    created_at,
    updated_at
from versions
