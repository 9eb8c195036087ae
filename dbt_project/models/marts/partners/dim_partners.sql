with

contacts as (

    select
        partner_id,
        min(contact_date) as first_contact_date,
        max(contact_date) as last_contact_date
    from {{ ref('int_partners__contacts') }}
    group by partner_id

)

select
    partners.partner_id,
    partners.source,
    partners.partner_kind,
    partners.owner_id,
    partners.country_code,
    coalesce(partners.since_date, contacts.first_contact_date) as since_date,
    partners.until_date,
    coalesce(partners.until_date >= {{ latest_day() }}, true) as is_active,
    {{ size_of('partners.contact_ids') }} as person_count,
    contacts.last_contact_date
from {{ ref('canonical_partners') }} as partners
left join contacts on partners.partner_id = contacts.partner_id
