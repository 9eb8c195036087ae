with

stages_seen as (

    {{ stages_seen(ref('base_mapped__deals'), 'deal_id', 'deal_stage') }}

)

select
    cast('hubspot' as string) as source,
    deals.deal_id,
    contacts.to_ids as contact_ids,
    companies.to_ids as company_ids,
    deals.owner_id,
    deals.pipeline,
    deals.deal_stage,
    {{ stage_changes('deals.stage_history') }} as stage_history,
    deals.deal_amount,
    deals.currency_code,
    deals.is_closed,
    deals.is_won,
    deals.is_archived or deals.is_removed as is_deleted,
    deals.opened_at,
    deals.closed_at,
    deals.updated_at
from {{ ref('stg_hubspot__deals') }} as deals
left join {{ ref('stg_hubspot__associations') }} as contacts
    on
        deals.deal_id = contacts.from_id
        and contacts.from_type = 'deals'
        and contacts.to_type = 'contacts'
left join {{ ref('stg_hubspot__associations') }} as companies
    on
        deals.deal_id = companies.from_id
        and companies.from_type = 'deals'
        and companies.to_type = 'companies'
union all
select
    mapped.source,
    mapped.deal_id,
    mapped.contact_ids,
    mapped.company_ids,
    mapped.owner_id,
    mapped.pipeline,
    mapped.deal_stage,
    stages.stage_history,
    mapped.deal_amount,
    mapped.currency_code,
    mapped.is_closed,
    mapped.is_won,
    mapped.is_deleted or mapped.is_removed as is_deleted,
    mapped.opened_at,
    mapped.closed_at,
    mapped.updated_at
from {{ ref('base_mapped__deals') }} as mapped
left join stages_seen as stages
    on mapped.source = stages.source and mapped.deal_id = stages.deal_id
where {{ is_staged() }}
