{{ config(materialized='table') }}

-- Whoever once carried an address or a number, in any version that ever landed: an opt-out of it
-- holds for them all.
select distinct
    source,
    contact_id as source_record_id,
    'email' as kind,
    {{ email_key('address') }} as address_key
from {{ ref('canonical_addresses') }}
where kind = 'email' and {{ email_key('address') }} is not null
union
select distinct
    stated.source,
    stated.contact_id as source_record_id,
    'phone' as kind,
    phones.phone_key as address_key
from {{ ref('canonical_addresses') }} as stated
inner join {{ ref('int_identity__phones') }} as phones
    on
        stated.address = phones.phone
        and {{ phone_region('stated.source', 'stated.country_code') }} = phones.phone_region
where stated.kind = 'phone' and phones.phone_key is not null
