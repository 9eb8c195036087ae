{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_start_date', 'of_customers': true, 'noted': 'rebuilt'},
        pre_hook="{{ find_months_to_score(ref('fct_customer_months'), ref('rpt_signal_coverage')) }}"
    )
}}

{#- What is added up with the weight of its month, and what of a month it is. -#}
{%- set sums = {
    'messages': 'message_count',
    'offer_messages': 'offer_message_count',
    'advice_messages': 'advice_message_count',
    'answers': 'answer_count',
    'orders': 'order_count',
    'store_orders': 'store_order_count',
    'discounted_orders': 'discounted_order_count',
    'order_months': 'case when order_count > 0 then 1 else 0 end',
    'letters': 'letter_count',
    'chats': 'chat_count',
    'calls': 'call_count',
    'tickets': 'ticket_count',
    'surveys': 'survey_count',
    'staff_contacts': 'staff_contact_count',
    'written': 'written_count',
    'answered': 'answered_count',
    'answer_points': 'answer_points',
    'unhappy_tickets': 'unhappy_ticket_count',
    'happy_tickets': 'happy_ticket_count',
    'mishandled_tickets': 'mishandled_ticket_count',
    'unhappy_surveys': 'unhappy_survey_count',
    'happy_surveys': 'happy_survey_count',
    'neutral_answers': 'neutral_answer_count',
    'complaints': 'complaint_count',
    'unsubscriptions': 'unsubscription_count',
    'returns': 'return_count',
    'deals': 'deal_count',
} %}
{%- set axes = relationship_axes() + ['strain'] %}

{#- What weighs nothing by the policy is no word of theirs, what they found neither good nor bad is one. -#}
{%- set words = ['neutral_answers'] %}
{%- for word, weight in var('polarity_weights').items() if weight != 0 %}{% do words.append(word ~ 's') %}{% endfor %}

{#-
    Readings of it: as it is, and where something cannot be seen also with that speaking for a relationship and
    against it. Only what all three say is said.
-#}
{%- set readings = ['', 'for_', 'against_'] %}

with

months as (

    select
        *,
        {{ evidence_weight('month_start_date') }} as month_weight
    from {{ ref('fct_customer_months') }}
    where {{ is_of_touched_customer() }}

),

-- What the months up to each add up to. Counts fade with the weight of their month: whole numbers, so that no order
-- of rows changes a digit.
added_up as (

    select
        customer_id,
        month_start_date,
        month_weight,
        sales_amount,
        contact_cost_amount,
        min(first_evidence_date) over up_to_month as first_evidence_date,
        max(last_evidence_date) over up_to_month as last_evidence_date,
        min(first_act_date) over up_to_month as first_act_date,
        max(last_act_date) over up_to_month as last_act_date,
        min(first_order_date) over up_to_month as first_order_date,
        max(last_order_date) over up_to_month as last_order_date,
        {% for sum, measure in sums.items() %}
        sum(month_weight * {{ measure }}) over up_to_month as {{ sum }},
        {% endfor %}
        max_by(
            last_dissatisfaction, case when last_dissatisfaction is not null then month_start_date end
        ) over up_to_month as last_dissatisfaction,
        bit_or(category_bits) over up_to_month as category_bits,
        max(offered_category_count) over up_to_month as offered_category_count
    from months
    window up_to_month as (
        partition by customer_id
        order by month_start_date nulls last
        rows between unbounded preceding and current row
    )

),

-- Relative to the latest evidence.
gathered as (

    select
        customer_id,
        month_start_date,
        sales_amount,
        contact_cost_amount,
        first_evidence_date,
        last_evidence_date,
        first_act_date,
        last_act_date,
        first_order_date,
        last_order_date,
        {% for sum in sums %}
        {{ sum }} / month_weight as {{ sum }},
        {% endfor %}
        last_dissatisfaction,
        bit_count(category_bits) as category_bit_count,
        offered_category_count
    from added_up
    {% if is_incremental() %}
    where {{ is_touched('month_start_date') }}
    {% endif %}

),

seen_from as (

    select {{ signals_seen_from() }}
    from {{ ref('rpt_signal_coverage') }}

),

-- The measures that signals are made of.
measured as (

    select
        gathered.*,
        {{ faded_months('first_evidence_date', 'last_evidence_date') }} as months_known,
        {% for axis, signal, value, observations in relationship_signals() %}
        {{ is_seen(signal) }} as is_{{ signal }}_seen,
        {% endfor %}
        {% for signal in signals_by_month() %}
        {{ months_for(signal) }} as months_for_{{ signal }},
        {% endfor %}
        case
            when first_order_date is not null
                then {{ faded_months('first_order_date', 'last_order_date') }}
            else 1
        end as buying_months,
        coalesce({{ days_between('first_act_date', 'last_act_date') }}, 0) / 30.4375e0
            as tenure_months,
        answer_points / 100 as answer_credit,
        letters + chats + calls + tickets as contacts,
        -- Linear counting (Whang, Vander-Zanden and Taylor, 1990): how many fell into 60 places. Every
        -- doubling counts the same, so that 20 kinds of goods and 300 are one scale.
        ln(
            1 + least(offered_category_count, -60 * ln(1 - least(category_bit_count, 59) / 60e0))
        ) / ln(1 + greatest(offered_category_count, 1)) as category_breadth,
        greatest(
            0,
            unhappy_tickets + mishandled_tickets + unhappy_surveys + complaints
            - 5e-1 * (happy_tickets + happy_surveys)
        ) as grievances,
        {% for word, weight in var('polarity_weights').items() %}
        cast({{ weight }} as double) * {{ word }}s{{ ' +' if not loop.last }}
        {% endfor %} as polarity_sum
    from gathered
    cross join seen_from

),

-- Value and weight of every signal. What could not be seen has no weight, and is `unseen` with all the weight that
-- it could have. But where there is one way to order there is none to choose, and most never answer a survey: neither
-- is missing. What nearly all have the same of is `assumed` meanwhile.
signalled as (

    select
        *,
        {% for axis, signal, value, observations in relationship_signals() %}
        {%- set policy = var('relationship_signals')[signal] %}
        {%- set most = 'cast(' ~ policy.weight ~ ' as double)' %}
        {%- set other = 'orders' if signal == 'store_visits' else signal %}
        {%- set missing = 'case when is_' ~ other ~ '_seen then 0e0 else ' ~ most ~ ' end' %}
        {{ value }} as {{ signal }}_value,
        {{ signal_weight(signal, observations) }} as {{ signal }}_weight,
        case when is_{{ signal }}_seen then {{ most }} else 0e0 end as {{ signal }}_seen,
        {{ missing if 'usual' in policy else '0e0' }} as {{ signal }}_assumed,
        {{ '0e0' if signal == 'dissatisfaction' else missing }} as {{ signal }}_unseen
        {{- ',' if not loop.last }}
        {% endfor %}
    from measured

),

profiles as (

    select {{ relationship_profiles() }}
    from {{ ref('int_relationship__types') }}

),

-- The axes and how much each counts. `most_weight` is what it would count if all that can be seen of it spoke. The
-- axes `for_` and `against_` are what they were if all that cannot be seen spoke for a relationship, or against it, as
-- loudly as it could; of a strain that cannot be seen nothing is held against anybody. The profiles were measured
-- where every signal is present; what is assumed puts the others on their scale, but is no evidence.
weighed as (

    select
        signalled.*,
        {% for axis in axes %}
        {%- set policy = var('relationship_axis_weights')[axis] %}
        {%- set signals, products, weights, assumed = [], [], [], [] %}
        {% for of_axis, signal, value, observations in relationship_signals() if of_axis == axis %}
        {%- set usual = var('relationship_signals')[signal].get('usual', 0) %}
        {% do signals.append(signal) %}
        {% do products.append(signal ~ '_weight * ' ~ signal ~ '_value') %}
        {% do weights.append(var('relationship_signals')[signal].weight) %}
        {% do assumed.append(signal ~ '_assumed * cast(' ~ usual ~ ' as double)') %}
        {% endfor %}
        {%- set most = weights | sum %}
        {%- set full = policy.weight * (most + policy.doubt) / most %}
        {{ signals | join('_weight + ') }}_weight as {{ axis }}_signal_weight,
        {{ signals | join('_seen + ') }}_seen as {{ axis }}_seen,
        {{ signals | join('_unseen + ') }}_unseen as {{ axis }}_unseen,
        {{ signals | join('_assumed + ') }}_assumed as {{ axis }}_assumed,
        ({{ products | join(' + ') }}) / nullif({{ axis }}_signal_weight, 0) as wanted_{{ axis }},
        cast({{ policy.weight }} as double)
        * {{ saturated(axis ~ '_signal_weight', policy.doubt) }} as {{ axis }}_weight,
        cast({{ full }} as double)
        * {{ saturated(axis ~ '_seen', policy.doubt) }} as {{ axis }}_most_weight,
        {% for reading in readings %}
        {%- if reading == '' %}
        {%- set added, added_weight, pull_weight = assumed | join(' + '), axis ~ '_assumed', '0e0' %}
        {%- elif reading ~ axis == 'against_strain' %}
        {%- set added, added_weight, pull_weight = '0e0', '0e0', '0e0' %}
        {%- else %}
        {%- set added = axis ~ '_unseen * ' ~ axis ~ '_' ~ reading ~ 'it' %}
        {%- set added_weight, pull_weight = axis ~ '_unseen', axis ~ '_unseen' %}
        {%- endif %}
        ({{ products | join(' + ') }} + {{ added }})
        / nullif({{ axis }}_signal_weight + {{ added_weight }}, 0) as {{ reading }}compared_{{ axis }},
        cast({{ policy.weight }} as double)
        * {{ saturated(axis ~ '_signal_weight + ' ~ pull_weight, policy.doubt) }}
            as {{ reading }}{{ axis }}_pull,
        coalesce(
            {{ reading }}{{ axis }}_pull * {{ within_profiles(reading ~ 'compared_' ~ axis, axis) }}, 0
        ) as {{ reading }}{{ axis }}_pulled{{ ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from signalled
    cross join profiles

),

compared as (

    select
        weighed.*,
        {% for reading in readings %}
        {{ distances_to_types(axes, prefix=reading) }}{{ ',' if not loop.last }}
        {% endfor %}
    from weighed
    cross join profiles

),

nearest as (

    select
        *,
        {% for reading in readings %}
        least(
            {% for type in relationship_types() %}
            {{ reading }}{{ type }}_distance{{ ',' if not loop.last }}
            {% endfor %}
        ) as {{ reading }}least_distance{{ ',' if not loop.last }}
        {% endfor %}
    from compared

),

shared as (

    select
        *,
        {% for reading in readings %}
        {% for type in relationship_types() %}
        exp(
            ({{ reading }}least_distance - {{ reading }}{{ type }}_distance)
            / cast({{ var('relationship_temperature') }} as double)
        ) as {{ reading }}{{ type }}_odds,
        {% endfor %}
        {{ reading }}{{ relationship_types() | join('_odds + ' ~ reading) }}_odds as {{ reading }}all_odds,
        {% endfor %}
        {{ relationship_axes() | join('_weight + ') }}_weight as evidence_weight,
        {{ relationship_axes() | join('_most_weight + ') }}_most_weight as most_evidence_weight,
        {{ axes | join('_unseen + ') }}_unseen > 0 as is_something_unseen
    from nearest

),

seeking as (

    select
        {% for type in relationship_types() %}
        bool_or(seeks_relationship) filter (where relationship_type = '{{ type }}') as {{ type }}
        {{- ',' if not loop.last }}
        {% endfor %}
    from {{ ref('int_relationship__types') }}

),

scored as (

    select
        shared.*,
        1 / all_odds as nearest_share,
        {% for reading in readings %}
        case {{ reading }}least_distance
            {% for type in relationship_types() %}
            when {{ reading }}{{ type }}_distance then '{{ type }}'
            {% endfor %}
        end as {{ reading }}nearest_type,
        case {{ reading }}least_distance
            {% for type in relationship_types() %}
            when {{ reading }}{{ type }}_distance then seeking.{{ type }}
            {% endfor %}
        end as is_{{ reading }}nearest_seeking,
        (
            {% for type in relationship_types() %}
            case when seeking.{{ type }} then {{ reading }}{{ type }}_odds else 0 end
            {{- ' +' if not loop.last }}
            {% endfor %}
        ) / {{ reading }}all_odds as {{ reading }}seeking_share,
        {% endfor %}
        coalesce(evidence_weight / nullif(most_evidence_weight, 0), 0) as evidence_share
    from shared
    cross join seeking

),

-- A yes can be heard on one axis; a no is the silence on all of them, so there what cannot be seen counts as evidence
-- that is lacking.
judged as (

    select
        *,
        -- from -1 to 1; null without a word from them: of whom nothing is known nobody can say that they are neutral
        case
            when {{ words | join(' + ') }} > 0
                then polarity_sum / (abs(polarity_sum) + cast({{ var('polarity_half') }} as double))
        end as polarity_score,
        months_known >= cast({{ var('relationship_least_months') }} as double)
        and evidence_share >= cast({{ var('relationship_least_evidence') }} as double)
            as has_enough_evidence,
        evidence_weight >= cast(
            {{ var('relationship_least_evidence') * (
                var('relationship_axis_weights').values() | map(attribute='weight') | sum
                - var('relationship_axis_weights').strain.weight
            ) }} as double
        ) as has_enough_evidence_for_a_no
    from scored

)

select
    customer_id,
    month_start_date,
    first_evidence_date,
    last_evidence_date,
    -- `unknown` where the evidence is thin, the types lie too close together or the unseen could make it another.
    cast(
        case
            when
                has_enough_evidence
                and nearest_share >= cast({{ var('relationship_least_confidence') }} as double)
                and (
                    not is_something_unseen
                    or (
                        is_nearest_seeking = is_for_nearest_seeking
                        and is_nearest_seeking = is_against_nearest_seeking
                        and (is_nearest_seeking or has_enough_evidence_for_a_no)
                        and (
                            nearest_type <> 'no_relationship'
                            or for_nearest_type = 'no_relationship'
                        )
                    )
                )
                then nearest_type
            else 'unknown'
        end as string
    ) as inferred_type,
    -- The same rule.
    cast(
        case
            when not has_enough_evidence then 'unknown'
            when
                seeking_share >= cast({{ var('wants_relationship_from') }} as double)
                and (
                    not is_something_unseen
                    or against_seeking_share >= cast({{ var('wants_relationship_from') }} as double)
                )
                then 'yes'
            when
                seeking_share <= cast({{ var('wants_none_up_to') }} as double)
                and (
                    not is_something_unseen
                    or (
                        for_seeking_share <= cast({{ var('wants_none_up_to') }} as double)
                        and has_enough_evidence_for_a_no
                    )
                )
                then 'no'
            else 'unknown'
        end as string
    ) as inferred_wish,
    {% for kept in ['nearest_share', 'seeking_share', 'evidence_share', 'polarity_score'] %}
    cast({{ kept }} as double) as {{ kept }},
    {% endfor %}
    {% for axis in axes %}
    cast(wanted_{{ axis }} as double) as wanted_{{ axis }},
    cast({{ axis }}_weight as double) as {{ axis }}_weight,
    {% endfor %}
    {% for kept in [
        'months_known', 'buying_months', 'tenure_months', 'messages', 'offer_messages', 'advice_messages', 'answers',
        'orders', 'store_orders', 'discounted_orders', 'order_months', 'letters', 'calls', 'contacts', 'surveys',
        'staff_contacts', 'written', 'answered', 'answer_credit', 'category_breadth', 'deals', 'grievances',
        'last_dissatisfaction',
    ] %}
    cast({{ kept }} as double) as {{ kept }},
    {% endfor %}
    cast(sales_amount as decimal(18, 3)) as sales_amount,
    cast(contact_cost_amount as decimal(18, 2)) as contact_cost_amount
from judged
