select
    cast('hubspot' as varchar) as source,
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
