with

stages_seen as (

    {{ stages_seen(ref('base_mapped__tickets'), 'ticket_id', 'ticket_stage') }}

)

select
    cast('hubspot' as string) as source,
    tickets.ticket_id,
    contacts.to_ids as contact_ids,
    companies.to_ids as company_ids,
    tickets.owner_id,
    tickets.pipeline,
    tickets.ticket_stage,
    {{ stage_changes('tickets.stage_history') }} as stage_history,
    tickets.category,
    tickets.priority,
    tickets.source_type,
    tickets.sentiment,
    tickets.is_archived or tickets.is_removed as is_deleted,
    tickets.opened_at,
    tickets.first_replied_at,
    tickets.closed_at,
    tickets.updated_at
from {{ ref('stg_hubspot__tickets') }} as tickets
left join {{ ref('stg_hubspot__associations') }} as contacts
    on
        tickets.ticket_id = contacts.from_id
        and contacts.from_type = 'tickets'
        and contacts.to_type = 'contacts'
left join {{ ref('stg_hubspot__associations') }} as companies
    on
        tickets.ticket_id = companies.from_id
        and companies.from_type = 'tickets'
        and companies.to_type = 'companies'
union all
select
    mapped.source,
    mapped.ticket_id,
    mapped.contact_ids,
    mapped.company_ids,
    mapped.owner_id,
    mapped.pipeline,
    mapped.ticket_stage,
    stages.stage_history,
    mapped.category,
    mapped.priority,
    mapped.source_type,
    mapped.sentiment,
    mapped.is_deleted or mapped.is_removed as is_deleted,
    mapped.opened_at,
    mapped.first_replied_at,
    mapped.closed_at,
    mapped.updated_at
from {{ ref('base_mapped__tickets') }} as mapped
left join stages_seen as stages
    on mapped.source = stages.source and mapped.ticket_id = stages.ticket_id
where {{ is_staged() }}
