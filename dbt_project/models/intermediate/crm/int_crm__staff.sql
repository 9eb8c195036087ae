select
    owner_id,
    team,
    skills,
    is_archived,
    created_at
from {{ ref('stg_hubspot__owners') }}
