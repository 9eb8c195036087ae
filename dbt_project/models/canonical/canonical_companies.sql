select
    cast('hubspot' as string) as source,
    company_id,
    owner_id,
    industry,
    country_code,
    lifecycle_stage,
    employee_count,
    annual_revenue_amount,
    is_archived or is_removed as is_deleted,
    created_at,
    updated_at
from {{ ref('stg_hubspot__companies') }}
union all
select
    source,
    company_id,
    owner_id,
    industry,
    upper(country_code) as country_code,
    lifecycle_stage,
    employee_count,
    annual_revenue_amount,
    is_deleted or is_removed as is_deleted,
    created_at,
    updated_at
from {{ ref('base_mapped__companies') }}
where {{ is_staged() }}
