select
    customer_id,
    segment,
    reason,
    lane,
    cast(clause as string) as clause,
    cast(
        case clause
            when 'no_record_in_destination'
                then 'Has no record in ' || destination || ' that could be addressed.'
            when 'wants_no_relationship'
                then
                    case
                        when is_unreadable_wish
                            then
                                'What relationship they want cannot be read, so it is taken for none: '
                                || 'service messages only.'
                        else 'Wants no relationship: service messages only.'
                    end
            when 'opted_out'
                then 'Has opted out of marketing by ' || channel || '.'
            when 'no_consent'
                then 'Has not agreed to marketing by ' || channel || '.'
            when 'not_deliverable'
                then 'The mailing tool would not send to them.'
            when 'channel_not_allowed'
                then 'Does not want to be reached by ' || channel || '.'
            when 'topic_unwanted'
                then 'Does not want anything about ' || topic || '.'
            when 'paused'
                then
                    case
                        when pause_until_date = {{ endless() }}
                            then 'Asked for a pause without an end that could be read.'
                        else 'Asked for a pause until ' || cast(pause_until_date as string) || '.'
                    end
            when 'treatment_without_offers'
                then
                    'Is treated as ' || relationship_type || ', which gets no offers ('
                    || {{ basis_in_words() }} || ').'
            when 'treatment_without_channel'
                then
                    'Is treated as ' || relationship_type || ', which is not reached by ' || channel
                    || ' (' || {{ basis_in_words() }} || ').'
            when 'no_allowed_time'
                then
                    case
                        when is_unreadable_time
                            then 'At what times they may be written to cannot be read, so it is at none.'
                        else
                            'Allows no time in the seven days after ' || cast({{ as_of_date() }} as string)
                            || ' at which this is sent (' || coalesce(send_window, 'at any hour') || ').'
                    end
            when 'over_contacted'
                then
                    'Is on the leave-alone list: had '
                    || {{ counted('marketing_contact_count_30d', 'marketing contact') }} || ' in 30 days; ' || {{ cap_in_words() }} || '.'
            when 'over_declared_cap'
                then
                    case
                        when is_unreadable_cap
                            then 'How many messages they allow cannot be read, so it is taken for none.'
                        else
                            'Had ' || {{ counted('marketing_contact_count_30d', 'marketing contact') }}
                            || ' in 30 days; '
                            || {{ cap_in_words() }} || '.'
                    end
            when 'treatment_without_marketing'
                then
                    'Is treated as ' || relationship_type || ', which gets no marketing ('
                    || {{ basis_in_words() }} || ').'
            when 'over_cap'
                then
                    'Had ' || {{ counted('marketing_contact_count_30d', 'marketing contact') }} || ' in 30 days; '
                    || {{ cap_in_words() }} || '.'
            when 'over_pulse_cap'
                then
                    'Had ' || {{ counted('marketing_contact_count_30d', 'marketing contact') }} || ' in 30 days; '
                    || {{ cap_in_words() }} || '.'
            when 'lower_priority'
                then 'Is kept for ' || winner || ', which has priority.'
            when 'no_skilled_owner'
                then
                    'Waits for somebody of the staff '
                    || coalesce('with the skill ' || skill, 'at all') || ', and there is nobody.'
            when 'workload_limit'
                then
                    'Waits for a call: the colleague has '
                    || {{ counted("least(most_per_owner, " ~ var('most_calls_per_owner') ~ ")", 'call') }}
                    || ' that are more urgent tonight.'
        end as string
    ) as clause_reason
from {{ ref('int_segments__decided') }}
where clause is not null
