-- A customer belongs to the company that their contact names as its own; failing that, to the
-- oldest of those it is tied to.
with

contacts as (

    select * from {{ ref('canonical_contacts') }}
    where is_current and not is_removed

),

ties as (

    select
        source,
        contact_id,
        is_archived,
        company_id,
        true as is_primary
    from contacts
    where company_id is not null
    union all
    select
        source,
        contact_id,
        is_archived,
        {{ unnested('company_ids') }} as company_id,
        false as is_primary
    from contacts

)

select
    contact_map.customer_id,
    ties.company_id
from ties
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on
        ties.source = contact_map.source
        and ties.contact_id = contact_map.source_record_id
inner join {{ ref('canonical_companies') }} as companies
    on ties.company_id = companies.company_id and not companies.is_deleted
qualify
    row_number() over (
        partition by contact_map.customer_id
        order by
            ties.is_primary desc nulls last,
            ties.is_archived asc nulls last,
            companies.created_at asc nulls last,
            ties.company_id asc nulls last
    ) = 1
