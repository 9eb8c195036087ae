select
    owner_id,
    team,
    coalesce(skills, []) as skills,
    has_left as is_archived,
    created_at
from {{ ref('canonical_staff') }}
