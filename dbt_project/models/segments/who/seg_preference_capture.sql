-- Who never told us what they want, and is listening. Each is asked in their turn: one month in so many, by a draw that
-- stays the same, and is another than that of the arm.
with

reactions as (

    select
        customer_id,
        max(touchpoint_date) as last_reaction_date
    from {{ ref('fct_touchpoints') }}
    where
        event_type in ('clicked', 'replied', 'redeemed', 'answered', 'ordered')
        and direction = 'inbound'
        and not {{ is_by_robot() }}
        and touchpoint_date > {{ latest_day() }} - {{ var('capture_within_days') }}
    group by customer_id

)

select
    preferences.customer_id,
    cast(
        'Never told us what they want; last heard of on '
        || cast(reactions.last_reaction_date as string)
        || ', and '
        || case
            when relationships.type_basis = 'none' then 'too little is known of them to guess.'
            else
                'taken for ' || relationships.relationship_type || ' on what they do alone ('
                || {{ basis_in_words('relationships') }} || ').'
        end as string
    ) as reason,
    cast(round((1e0 - coalesce(relationships.inferred_confidence, 0e0)) * 1e6) / 1e6 as double) as urgency
from {{ ref('dim_preferences') }} as preferences
inner join reactions on preferences.customer_id = reactions.customer_id
inner join {{ ref('dim_customer_relationships') }} as relationships
    on preferences.customer_id = relationships.customer_id
where
    preferences.wants_relationship <> 'no'
    and preferences.declared_relationship is null
    and preferences.wanted_topics is null
    and preferences.unwanted_topics is null
    and preferences.allowed_channels is null
    and preferences.max_marketing_messages_30d is null
    and {{ size_of('preferences.unreadable_preferences') }} = 0
    and cast(floor(
        {{ hash_share("preferences.customer_id || ':turn'") }}
        * {{ var('capture_every_months') }}
    ) as bigint)
    = (year({{ latest_day() }}) * 12 + month({{ latest_day() }})) % {{ var('capture_every_months') }}
