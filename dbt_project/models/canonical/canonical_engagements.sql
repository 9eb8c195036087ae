select
    cast('hubspot' as string) as source,
    engagements.engagement_type,
    engagements.engagement_id,
    contacts.to_ids as contact_ids,
    engagements.owner_id,
    engagements.channel,
    engagements.direction,
    engagements.outcome,
    engagements.call_disposition,
    engagements.task_type,
    engagements.duration_seconds,
    engagements.is_archived or engagements.is_removed as is_deleted,
    engagements.occurred_at,
    engagements.completed_at,
    engagements.updated_at
from {{ ref('stg_hubspot__engagements') }} as engagements
left join {{ ref('stg_hubspot__associations') }} as contacts
    on
        engagements.engagement_id = contacts.from_id
        and engagements.landed_stream = contacts.from_type
        and contacts.to_type = 'contacts'
union all
select
    source,
    engagement_type,
    engagement_id,
    contact_ids,
    owner_id,
    channel,
    direction,
    outcome,
    call_disposition,
    task_type,
    duration_seconds,
    is_deleted or is_removed as is_deleted,
    occurred_at,
    completed_at,
    updated_at
from {{ ref('base_mapped__engagements') }}
where {{ is_staged() }}
