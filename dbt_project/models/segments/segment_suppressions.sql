select
    customer_id,
    segment,
    reason,
    cast(clause as varchar) as clause,
    cast(
        case clause
            when 'no_record_in_destination'
                then 'Has no record in ' || destination || ' that could be addressed.'
            when 'no_email_consent'
                then 'Has not agreed to marketing e-mail.'
            when 'over_contacted'
                then 'Is on the leave-alone list.'
            when 'over_cap'
                then
                    'Had ' || marketing_contact_count_30d || ' marketing contacts in 30 days; '
                    || 'the cap is {{ var("contact_cap_30d") }}.'
            when 'lower_priority'
                then 'Gets ' || winner || ' instead, which has priority.'
        end as varchar
    ) as clause_reason
from {{ ref('int_segments__decided') }}
where clause is not null
