select customer_id
from {{ ref('dim_contact_pressure') }}
where
    marketing_contact_count_1d > marketing_contact_count_7d
    or marketing_contact_count_7d > marketing_contact_count_30d
    or marketing_contact_count_30d > marketing_contact_count_90d
    or marketing_contact_count_90d > marketing_contact_count_365d
    or email_marketing_contact_count_365d > marketing_contact_count_365d
