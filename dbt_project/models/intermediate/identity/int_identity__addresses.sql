{{ config(materialized='table') }}

-- Whoever once carried an address or a number, in any version that ever landed: an opt-out of it
-- holds for them all.
select distinct
    source,
    source_record_id,
    'email' as kind,
    {{ email_key('address') }} as address_key
from (
    select
        source,
        source_record_id,
        unnest(list_append(additional_emails, email)) as address
    from {{ ref('int_identity__landed') }}
) as addresses
where {{ email_key('address') }} is not null
union
select distinct
    stated.source,
    stated.source_record_id,
    'phone' as kind,
    phones.phone_key as address_key
from (
    select
        source,
        source_record_id,
        unnest(phones) as phone,
        phone_region
    from {{ ref('int_identity__landed') }}
) as stated
inner join {{ ref('int_identity__phones') }} as phones
    on
        stated.phone = phones.phone
        and stated.phone_region = phones.phone_region
where phones.phone_key is not null
