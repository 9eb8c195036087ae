select
    cast('hubspot' as varchar) as source,
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
