select
    customer_id,
    cast('over_contacted_rest' as varchar) as segment,
    cast(
        'Had ' || marketing_contact_count_90d || ' marketing contacts in 90 days; last on '
        || last_marketing_contact_date || '.'
        as varchar
    ) as reason
from {{ ref('dim_contact_pressure') }}
where marketing_contact_count_90d >= {{ var('rest_least_contact_count_90d') }}
