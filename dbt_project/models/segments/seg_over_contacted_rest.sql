select
    customer_id,
    cast('over_contacted_rest' as varchar) as segment,
    cast(
        'Had ' || marketing_contact_count_30d || ' marketing contacts in 30 days, last on '
        || last_marketing_contact_date || '; ' || contact_cap_30d || ' is the most that suits them.'
        as varchar
    ) as reason
from {{ ref('dim_contact_pressure') }}
where saturation = 'oversaturated'
