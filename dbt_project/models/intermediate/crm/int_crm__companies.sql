select
    company_id,
    owner_id,
    industry,
    country_code,
    lifecycle_stage,
    employee_count,
    annual_revenue_amount,
    created_at
from {{ ref('stg_hubspot__companies') }}
where not is_archived and not is_removed
