select
    owner_id,
    team,
    coalesce(skills, {{ empty_list('string') }}) as skills,
    has_left as is_archived,
    created_at
from {{ ref('canonical_staff') }}
