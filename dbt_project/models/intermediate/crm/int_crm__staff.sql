select
    owner_id,
    team,
    coalesce(skills, []) as skills,
    is_archived,
    created_at
from {{ ref('stg_hubspot__owners') }}
