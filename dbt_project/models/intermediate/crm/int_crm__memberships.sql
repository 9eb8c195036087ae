-- A customer belongs to the company that the CRM calls their contact's first one; failing that, to
-- the oldest of those it ties them to.
with

ties as (

    select
        contact_id,
        company_id,
        true as is_primary
    from {{ ref('stg_hubspot__contacts') }}
    where company_id is not null
    union all
    select
        from_id as contact_id,
        to_id as company_id,
        false as is_primary
    from {{ ref('stg_hubspot__associations') }}
    where from_type = 'contacts' and to_type = 'companies'

)

select
    contact_map.customer_id,
    min_by(
        ties.company_id,
        (not ties.is_primary, contacts.is_archived, companies.created_at, ties.company_id)
    ) as company_id
from ties
inner join {{ ref('stg_hubspot__contacts') }} as contacts on ties.contact_id = contacts.contact_id
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on contacts.contact_id = contact_map.source_record_id and contact_map.source = 'hubspot'
inner join {{ ref('int_crm__companies') }} as companies on ties.company_id = companies.company_id
where not contacts.is_removed
group by contact_map.customer_id
