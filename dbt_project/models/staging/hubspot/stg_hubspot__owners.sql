with

versions as (

    select * from {{ ref('base_hubspot__owners') }}

)

select
    owner_id,
    user_id,
    email,
    first_name,
    last_name,
    team,
    skills,
    is_archived,
    created_at,
    updated_at
from versions
where {{ is_staged() }}
