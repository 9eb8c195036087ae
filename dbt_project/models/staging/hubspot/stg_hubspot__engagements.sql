with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot'

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} as is_removed
    from {{ ref('base_hubspot__engagements') }} as base
    left join removals
        on base.engagement_id = removals.record_id and base.landed_stream = removals.object_type
    where {{ is_staged() }}

)

select
    source,
    landed_stream,
    engagement_type,
    engagement_id,
    owner_id,
    channel,
    direction,
    outcome,
    call_disposition,
    task_type,
    duration_seconds,
    is_archived,
    is_removed,
    occurred_at,
    completed_at,
    created_at,
    updated_at
from versions
