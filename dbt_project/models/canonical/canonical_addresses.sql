-- What contacts carry, in any version that landed.
select
    source,
    contact_id,
    'email' as kind,
    unnest(list_append(additional_emails, email)) as address,
    country_code
from {{ ref('canonical_contacts') }}
union all
select
    source,
    contact_id,
    'phone' as kind,
    unnest(phones) as address,
    country_code
from {{ ref('canonical_contacts') }}
