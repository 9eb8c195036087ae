with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'tickets'

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} as is_removed
    from {{ ref('base_hubspot__tickets') }} as base
    left join removals
        on base.ticket_id = removals.record_id
    where {{ is_staged() }}

)

select
    ticket_id,
    owner_id,
    pipeline,
    ticket_stage,
    category,
    priority,
    source_type,
    sentiment,
    stage_history,
    is_archived,
    is_removed,
    opened_at,
    first_replied_at,
    closed_at,
    created_at,
    updated_at
from versions
