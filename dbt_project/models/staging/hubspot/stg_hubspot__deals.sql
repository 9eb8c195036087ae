with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'deals'

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} as is_removed
    from {{ ref('base_hubspot__deals') }} as base
    left join removals
        on base.deal_id = removals.record_id
    where {{ is_staged() }}

)

select
    deal_id,
    owner_id,
    pipeline,
    deal_stage,
    deal_amount,
    currency_code,
    stage_history,
    is_closed,
    is_won,
    is_archived,
    is_removed,
    opened_at,
    closed_at,
    created_at,
    updated_at
from versions
