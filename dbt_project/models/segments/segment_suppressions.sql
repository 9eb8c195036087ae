select
    customer_id,
    segment,
    reason,
    cast(clause as varchar) as clause,
    cast(
        case clause
            when 'no_record_in_destination'
                then 'Has no record in ' || destination || ' that could be addressed.'
            when 'wants_no_relationship'
                then 'Wants no relationship: service messages only.'
            when 'opted_out'
                then 'Has opted out of marketing by ' || channel || '.'
            when 'no_consent'
                then 'Has not agreed to marketing by ' || channel || '.'
            when 'not_deliverable'
                then 'The mailing tool would not send to her.'
            when 'channel_not_allowed'
                then 'Does not want to be reached by ' || channel || '.'
            when 'topic_unwanted'
                then 'Does not want anything about ' || topic || '.'
            when 'paused'
                then 'Asked for a pause until ' || pause_until_date || '.'
            when 'no_allowed_time'
                then
                    'Allows no time in the seven days after ' || {{ as_of_date() }}
                    || ' at which this is sent (' || coalesce(send_window, 'at any hour') || ').'
            when 'over_contacted'
                then 'Is on the leave-alone list.'
            when 'over_declared_cap'
                then
                    'Had ' || marketing_contact_count_30d || ' marketing contacts in 30 days; '
                    || 'she allows ' || contact_cap_30d || '.'
            when 'over_cap'
                then
                    'Had ' || marketing_contact_count_30d || ' marketing contacts in 30 days; '
                    || contact_cap_30d || ' is the most that suits her.'
            when 'lower_priority'
                then 'Gets ' || winner || ' instead, which has priority.'
        end as varchar
    ) as clause_reason
from {{ ref('int_segments__decided') }}
where clause is not null
