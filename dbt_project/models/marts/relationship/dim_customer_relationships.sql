{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id'},
        pre_hook="{{ follow_customers(
            [
                ref('int_relationship__scores'),
                but_browsing(ref('fct_touchpoints')), ref('fct_deals'), ref('dim_preferences'),
                ref('dim_customers'), ref('dim_customer_value'),
                ref('rpt_signal_coverage'),
            ],
            everybody=is_other_than('observed_from_date', first_day_of_months(12))
            ~ ' or ' ~ loyalty_programme_came_or_went(ref('dim_preferences')),
        ) }}"
    )
}}

with

customers as (

    select
        dim_customers.customer_id,
        case
            when {{ is_relationship_type('preferences.declared_relationship') }}
                then preferences.declared_relationship
        end as declared_type,
        preferences.wants_relationship as declared_wants_relationship,
        preferences.loyalty_status,
        value.value_tier
    from {{ ref('dim_customers') }} as dim_customers
    left join {{ ref('dim_preferences') }} as preferences
        on dim_customers.customer_id = preferences.customer_id
    left join {{ ref('dim_customer_value') }} as value
        on dim_customers.customer_id = value.customer_id
    where {{ is_of_touched_customer('dim_customers.customer_id') }}

),

latest_months as (

    select
        customer_id,
        max(month_start_date) as month_start_date
    from {{ ref('int_relationship__scores') }}
    where {{ is_of_touched_customer() }}
    group by customer_id

),

scored as (

    select *
    from {{ ref('int_relationship__scores') }}
    where
        {{ is_of_touched_customer() }}
        and (customer_id, month_start_date) in (select customer_id, month_start_date from latest_months)

),

seen_from as (

    select {{ signals_seen_from() }}
    from {{ ref('rpt_signal_coverage') }}

),

profiles as (

    select {{ relationship_profiles() }}
    from {{ ref('int_relationship__types') }}

),

contracts as (

    select distinct customer_id
    from {{ ref('fct_deals') }}
    where outcome = 'won'

),

-- Who has no standing where nobody can have one is not slighted.
programme as (

    select coalesce(bool_or(loyalty_status is not null), false) as is_kept
    from {{ ref('dim_preferences') }}

),

-- Whoever touched them most often in the twelve months: the more of it lies with one person, the better they
-- know each other.
touches_by_owner as (

    select
        customer_id,
        owner_id,
        count(*) as touch_count
    from {{ ref('fct_touchpoints') }}
    where
        owner_id is not null
        and event_type in ('sent', 'called', 'met', 'replied')
        and touchpoint_date >= {{ first_day_of_months(12) }}
        and {{ is_of_touched_customer() }}
    group by customer_id, owner_id

),

continuity as (

    select
        customer_id,
        sum(touch_count) as touch_count,
        cast(max(touch_count) as double) / sum(touch_count) as owner_continuity
    from touches_by_owner
    group by customer_id

),

given as (

    select
        customers.*,
        scored.last_evidence_date,
        coalesce(scored.inferred_type, 'unknown') as inferred_type,
        coalesce(scored.inferred_wish, 'unknown') as inferred_wish,
        scored.nearest_share,
        scored.seeking_share,
        scored.evidence_share,
        scored.polarity_score,
        {% for axis in relationship_axes() %}
        scored.wanted_{{ axis }},
        scored.{{ axis }}_weight,
        {% endfor %}
        scored.wanted_strain,
        scored.months_known,
        scored.messages,
        scored.staff_contacts,
        scored.contacts,
        -- an answer is no initiative of ours
        greatest(staff_contacts - answered, 0) as advances,
        messages + staff_contacts as contacts_given,
        -- what nobody keeps of what we send is as little known as what customers do unseen
        case when contacts_given > 0 and ({{ is_seen('advice_messages') }} or {{ is_seen('staff_contacts') }}) then
            {{ saturated('(advice_messages + advances) / months_known', var('given_contacts_half')) }}
        end as given_closeness,
        case when contacts_given > 0 and {{ is_seen('messages') }} then
            {{ saturated('messages / months_known', var('given_contacts_half')) }}
        end as given_frequency,
        case when {{ is_seen('staff_contacts') }} then answer_credit / nullif(written, 0) end
            as given_reciprocity,
        case when {{ is_seen('messages') }} and {{ is_seen('staff_contacts') }} then
            staff_contacts / nullif(contacts_given, 0)
        end as given_human_share,
        case when {{ is_seen('offer_messages') }} then offer_messages / nullif(messages, 0) end
            as given_price_focus,
        case
            when
                contacts_given > 0
                and (programme.is_kept or contracts.customer_id is not null)
                then
                    case
                        when customers.loyalty_status is not null
                            then cast({{ var('given_commitment').loyalty_status }} as double)
                        else 0
                    end
                    + case
                        when contracts.customer_id is not null
                            then cast({{ var('given_commitment').contract }} as double)
                        else 0
                    end
        end as given_commitment,
        -- how much of ours each figure rests on
        {% for axis, observations in {
            'closeness': 'months_known',
            'frequency': 'months_known',
            'reciprocity': 'written',
            'human_share': 'contacts_given',
            'price_focus': 'messages',
            'commitment': 'months_known',
        }.items() %}
        {{ saturated(observations, var('given_enough')) }} as given_{{ axis }}_weight,
        {% endfor %}
        continuity.touch_count,
        continuity.owner_continuity
    from customers
    cross join programme
    cross join seen_from
    left join scored on customers.customer_id = scored.customer_id
    left join contracts on customers.customer_id = contracts.customer_id
    left join continuity on customers.customer_id = continuity.customer_id

),

-- The treatment is held against the same profiles, every axis by its policy weight and by how much of ours the
-- figure rests on.
treated as (

    select
        customer_id,
        contacts_given,
        known_weight,
        {{ distances_to_types(relationship_axes()) }},
        least(
            {% for type in relationship_types() %}
            {{ type }}_distance{{ ',' if not loop.last }}
            {% endfor %}
        ) as least_distance
    from (
        select
            customer_id,
            contacts_given,
            {% for axis in relationship_axes() %}
            case when given_{{ axis }} is null then 0 else {{ var('relationship_axis_weights')[axis].weight }} end
            {{- ' +' if not loop.last }}
            {% endfor %} as known_weight,
            {% for axis in relationship_axes() %}
            {%- set full = 'cast(' ~ var('relationship_axis_weights')[axis].weight ~ ' as double)' %}
            {%- set weight = full ~ ' * given_' ~ axis ~ '_weight' %}
            case when given_{{ axis }} is null then 0 else {{ weight }} end as {{ axis }}_pull,
            coalesce({{ weight }} * {{ within_profiles('given_' ~ axis, axis) }}, 0)
                as {{ axis }}_pulled{{ ',' if not loop.last }}
            {% endfor %}
        from given
        cross join profiles
        where contacts_given > 0
    ) as pulls
    cross join profiles

),

-- Three letters make no treatment, nor does one of which too little is known, by what its axes weigh, nor one that
-- could as well be another's.
nearest_treatment as (

    select
        customer_id,
        case least_distance
            {% for type in relationship_types() %}
            when {{ type }}_distance then '{{ type }}'
            {% endfor %}
        end as given_type
    from treated
    where
        contacts_given >= {{ var('given_least_contacts') }}
        and known_weight >= cast({{ var('given_least_known_share') }} as double) * ({% for axis in relationship_axes() %}
        {{- var('relationship_axis_weights')[axis].weight }}{{ ' + ' if not loop.last }}
        {%- endfor %})
        and 1 / (
            {% for type in relationship_types() %}
            exp(
                (least_distance - {{ type }}_distance)
                / cast({{ var('relationship_temperature') }} as double)
            )
            {{- ' +' if not loop.last }}
            {% endfor %}
        ) >= cast({{ var('relationship_least_confidence') }} as double)

),

judged as (

    select
        given.*,
        coalesce(nearest_treatment.given_type, 'unknown') as given_type,
        coalesce(declared_type, inferred_type) as relationship_type,
        -- Answering more readily than they do wrongs nobody, nor does a person who answers where they
        -- want none. To buy often is no wish for messages: we reach them too seldom when we do so less
        -- often than they turn to us. Nor does a standing lack to whoever seeks no relationship.
        -- Where one side is not known there is no gap: of a null `greatest` and `least` would make a 0.
        {% for axis in relationship_axes() %}
        case when given_{{ axis }} is not null and wanted_{{ axis }} is not null then
            {% if axis == 'reciprocity' %}
            least(given_reciprocity - wanted_reciprocity, 0)
            {% elif axis == 'frequency' %}
            greatest(given_frequency - wanted_frequency, 0)
            + least(
                {{ saturated('(messages + staff_contacts) / months_known', var('given_contacts_half')) }}
                - {{ saturated('contacts / months_known', var('given_contacts_half')) }},
                0
            )
            {% elif axis == 'human_share' %}
            greatest(coalesce(advances / nullif(messages + advances, 0), 0) - wanted_human_share, 0)
            + least(given_human_share - wanted_human_share, 0)
            {% elif axis == 'commitment' %}
            greatest(given_commitment - wanted_commitment, 0)
            + seeking_share * least(given_commitment - wanted_commitment, 0)
            {% else %}
            given_{{ axis }} - wanted_{{ axis }}
            {% endif %}
        end as {{ axis }}_gap{{ ',' if not loop.last }}
        {% endfor %}
    from given
    left join nearest_treatment on given.customer_id = nearest_treatment.customer_id

),

-- One call is no treatment: a gap counts by the evidence there is of what we give, and in the mean by
-- that of what they want too.
evidenced as (

    select
        *,
        {% for axis in relationship_axes() %}
        {%- set weight = var('relationship_axis_weights')[axis].weight %}
        case when {{ axis }}_gap is null then 0 else {{ axis }}_weight / cast({{ weight }} as double) end
            as {{ axis }}_evidence,
        coalesce(given_{{ axis }}_weight * {{ axis }}_gap, 0) as {{ axis }}_evident_gap
        {{- ',' if not loop.last }}
        {% endfor %}
    from judged

),

reasoned as (

    select
        *,
        (
            {% for axis in relationship_axes() %}
            {{ axis }}_evidence * abs({{ axis }}_evident_gap) {{ '+' if not loop.last }}
            {% endfor %}
        ) / nullif(
            {% for axis in relationship_axes() %}
            {{ axis }}_evidence * given_{{ axis }}_weight {{ '+' if not loop.last }}
            {% endfor %}, 0
        ) as mismatch,
        greatest(
            {% for axis in relationship_axes() %}
            abs({{ axis }}_evident_gap){{ ',' if not loop.last }}
            {% endfor %}
        ) as largest_gap
    from evidenced

)

select
    reasoned.customer_id,
    {{ first_day_of_months(12) }} as observed_from_date,
    cast(reasoned.relationship_type as string) as relationship_type,
    cast(
        case
            when reasoned.declared_type is not null then 'declared'
            when reasoned.inferred_type <> 'unknown' then 'inferred'
            else 'none'
        end as string
    ) as type_basis,
    cast(reasoned.declared_type as string) as declared_type,
    cast(reasoned.inferred_type as string) as inferred_type,
    cast(round(reasoned.nearest_share * 1e4) / 1e4 as double) as inferred_confidence,
    cast(round(reasoned.evidence_share * 1e4) / 1e4 as double) as evidence_share,
    reasoned.last_evidence_date,
    cast(
        case
            when reasoned.declared_wants_relationship in ('yes', 'no')
                then reasoned.declared_wants_relationship
            when types.seeks_relationship is not null and reasoned.declared_type is not null
                then case when types.seeks_relationship then 'yes' else 'no' end
            else reasoned.inferred_wish
        end as string
    ) as wants_relationship,
    cast(
        case
            when
                reasoned.declared_wants_relationship in ('yes', 'no')
                or reasoned.declared_type is not null
                then 'declared'
            when reasoned.inferred_wish <> 'unknown' then 'inferred'
            else 'none'
        end as string
    ) as wants_basis,
    cast(round(reasoned.seeking_share * 1e4) / 1e4 as double) as seeking_share,
    {% for side in ['wanted', 'given'] %}
    {% for axis in relationship_axes() %}
    cast(round(reasoned.{{ side }}_{{ axis }} * 1e4) / 1e4 as double) as {{ side }}_{{ axis }},
    {% endfor %}
    {% endfor %}
    cast(round(reasoned.wanted_strain * 1e4) / 1e4 as double) as strain,
    cast(reasoned.given_type as string) as given_type,
    cast(round(reasoned.mismatch * 1e4) / 1e4 as double) as mismatch,
    cast(
        case
            when reasoned.largest_gap >= cast({{ var('mismatch_least_gap') }} as double)
                then
                    case reasoned.largest_gap
                        {% for axis, words in gaps_in_words().items() %}
                        when reasoned.{{ axis }}_evident_gap then '{{ words[0] }}'
                        when -reasoned.{{ axis }}_evident_gap then '{{ words[1] }}'
                        {% endfor %}
                    end
        end as string
    ) as mismatch_reason,
    cast({{ polarity('reasoned.polarity_score') }} as string) as polarity,
    cast(round(reasoned.polarity_score * 1e4) / 1e4 as double) as polarity_score,
    cast(reasoned.value_tier as string) as value_tier,
    cast(coalesce(reasoned.touch_count, 0) as bigint) as human_touch_count_12m,
    cast(reasoned.owner_continuity as double) as owner_continuity,
    cast(
        case
            when reasoned.declared_type is not null then types.treatment_contact_count_30d
            else types.inferred_contact_count_30d
        end as bigint
    ) as treatment_contact_count_30d,
    types.treatment_channels,
    types.treatment_tone,
    types.has_human_desk,
    types.gets_offers as has_offers
from reasoned
left join {{ ref('int_relationship__types') }} as types
    on reasoned.relationship_type = types.relationship_type
