with

versions as (

    select * from {{ ref('base_klaviyo__list_members') }}

)

select
    list_id,
    profile_id,
    joined_at
from versions
where {{ is_staged() }}
