-- What passed with partners, and what is unsettled: is all of it somebody's, and counted?
with

told as (

    select
        'contacts' as records_of_partners,
        count(*) as record_count,
        count(partners.partner_id) as tied_count,
        count(partners.partner_id) filter (where contacts.occurred_at >= {{ cutoff() }} - interval 365 day)
            as tied_count_365d
    from {{ ref('int_partners__contacts') }} as contacts
    left join {{ ref('canonical_partners') }} as partners on contacts.partner_id = partners.partner_id
    union all
    select
        'issues' as records_of_partners,
        count(*) as record_count,
        count(partners.partner_id) as tied_count,
        count(partners.partner_id) filter (where issues.opened_at >= {{ cutoff() }} - interval 365 day)
            as tied_count_365d
    from {{ ref('canonical_partner_issues') }} as issues
    left join {{ ref('canonical_partners') }} as partners on issues.partner_id = partners.partner_id
    where issues.opened_at < {{ cutoff() }}

),

reported as (

    select
        'contacts' as records_of_partners,
        coalesce(sum(contact_count_365d), 0) as reported_count_365d
    from {{ ref('rpt_partner_relationships') }}
    union all
    select
        'issues' as records_of_partners,
        coalesce(sum(issue_count_365d), 0) as reported_count_365d
    from {{ ref('rpt_partner_relationships') }}

)

select
    told.records_of_partners,
    cast(told.record_count as bigint) as record_count,
    cast(told.tied_count as bigint) as tied_count,
    round((1 - {{ ratio('told.tied_count', 'told.record_count') }}) * 1e6) / 1e6 as untied_share,
    told.tied_count_365d = reported.reported_count_365d as is_conserved
from told
inner join reported on told.records_of_partners = reported.records_of_partners
