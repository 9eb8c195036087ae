select
    cast('hubspot' as string) as source,
    owner_id,
    team,
    skills,
    is_archived as has_left,
    created_at,
    updated_at
from {{ ref('stg_hubspot__owners') }}
union all
select
    source,
    owner_id,
    team,
    {{ topics_of('skills') }} as skills,
    has_left or is_removed as has_left,
    created_at,
    updated_at
from {{ ref('base_mapped__staff') }}
where {{ is_staged() }}
