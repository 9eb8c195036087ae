with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'deals'

),

-- What a merge took in is part of the survivor that lists it, noticed as gone or not.
merged as (

    select distinct deal_id
    from (
        select {{ unnested('merged_deal_ids') }} as deal_id
        from {{ ref('base_hubspot__deals') }}
        where {{ is_staged() }} and not is_archived
    ) as listed

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} or merged.deal_id is not null as is_removed
    from {{ ref('base_hubspot__deals') }} as base
    left join removals
        on base.deal_id = removals.record_id
    left join merged on base.deal_id = merged.deal_id
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
