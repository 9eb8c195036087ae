select
    source,
    partner_id,
    partner_kind,
    contact_ids,
    owner_id,
    country_code,
    since_date,
    until_date,
    updated_at
from {{ ref('base_mapped__partners') }}
where {{ is_staged() }} and not is_removed
