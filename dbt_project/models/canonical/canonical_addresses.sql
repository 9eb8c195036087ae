-- What contacts carry, in any version that landed.
select
    source,
    contact_id,
    'email' as kind,
    {{ unnested(both_lists('additional_emails', list_of(['email']))) }} as address,
    country_code
from {{ ref('canonical_contacts') }}
union all
select
    source,
    contact_id,
    'phone' as kind,
    {{ unnested('phones') }} as address,
    country_code
from {{ ref('canonical_contacts') }}
