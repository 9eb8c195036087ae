select
    source,
    issue_id,
    partner_id,
    direction,
    owner_id,
    issue_kind,
    severity,
    opened_at,
    first_answered_at,
    closed_at,
    updated_at
from {{ ref('base_mapped__partner_issues') }}
where {{ is_staged() }} and not is_removed
