with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'companies'

),

-- What a merge took in is part of the survivor that lists it, noticed as gone or not.
merged as (

    select distinct company_id
    from (
        select {{ unnested('merged_company_ids') }} as company_id
        from {{ ref('base_hubspot__companies') }}
        where {{ is_staged() }} and not is_archived
    ) as listed

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} or merged.company_id is not null as is_removed
    from {{ ref('base_hubspot__companies') }} as base
    left join removals
        on base.company_id = removals.record_id
    left join merged on base.company_id = merged.company_id
    where {{ is_staged() }}

)

select
    company_id,
    owner_id,
    company_name,
    domain,
    industry,
    country_code,
    lifecycle_stage,
    employee_count,
    annual_revenue_amount,
    is_archived,
    is_removed,
    first_load_date,
    created_at,
    updated_at
from versions
