-- Who cares about something that we care about, by their word or by what they answer, and is not
-- cross with us.
with

shared as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by
                is_declared desc nulls last,
                shared_value_score desc nulls last,
                answer_count desc nulls last,
                value_tag asc nulls last
        ) as place
    from {{ ref('dim_shared_values') }}
    where
        shared_value_score >= {{ var('advocate_least_score') }}
        -- what we neither stand for nor write about is no common cause
        and (message_count > 0 or value_tag in ({{ sql_texts(var('firm_themes')) }}))
        and (is_declared or answer_count >= {{ var('advocate_least_answers') }})

)

select
    shared.customer_id,
    cast(
        'Cares about ' || replace(shared.value_tag, '_', ' ')
        || case when shared.is_declared then ', as they said' else '' end
        || case
            when shared.message_count = 0 then '; it is a theme of ours.'
            else
                '; answered ' || case
                    when shared.answer_count = 0 then 'none'
                    else cast(shared.answer_count as string)
                end || ' of ' || {{ counted('shared.message_count', 'campaign') }} || ' about it'
                || coalesce(', last on ' || cast(shared.last_answer_date as string), '') || '.'
        end
        || ' The relationship: ' || replace(relationships.relationship_type, '_', ' ')
        || ' (' || {{ basis_in_words('relationships') }} || ').' as string
    ) as reason,
    cast(shared.shared_value_score as double) as urgency
from shared
inner join {{ ref('dim_customer_relationships') }} as relationships
    on shared.customer_id = relationships.customer_id
where
    shared.place = 1
    and relationships.wants_relationship <> 'no'
    and relationships.polarity <> 'negative'
