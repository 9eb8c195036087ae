{#-
    From customer months to a type of relationship. Every step is a function of one customer's own
    months, so nobody's score depends on who else is there.
-#}

{#-
    What the months up to each of some month ends add up to, one row per customer and date: all that
    came before the first of them at once, then month by month what comes. Counts fade with
    evidence_weight, relative to the latest evidence: sums of whole numbers, so that no order of rows
    changes a digit. Sales and costs are those of twelve months: what falls out is taken off again. A
    condition `of` leaves customers out; where it leaves few (`of_few`), their months are looked for once
    and not again for every month end.
-#}
{% macro gathered_evidence(first_date, last_date=none, of='true', of_few=false) -%}
    {%- set next_date = '(select last_day(max(last_date) + 1) from gathering)' %}
    {%- set sums = evidence_sums() | map(attribute=0) | list %}
    with recursive

    months as {{ 'materialized' if of_few else 'not materialized' }} (

        select *
        from {{ ref('fct_customer_months') }}
        where {{ of }}

    ),

    gathering as (

        {{ summed_evidence('cast(' ~ first_date ~ ' as date) as last_date', [
            evidence_of_months('month_start_date <= ' ~ first_date, year_until=first_date),
        ]) }}

        {% if last_date is not none %}
        union all

        {{ summed_evidence(next_date ~ ' as last_date', [
            'select * exclude (last_date) from gathering',
            evidence_of_months('last_day(month_start_date) = ' ~ next_date),
            evidence_leaving('last_day(month_start_date + interval 12 month) = ' ~ next_date),
        ], where=next_date ~ ' <= ' ~ last_date) }}
        {% endif %}

    )

    select
        customer_id,
        last_date,
        first_evidence_date,
        last_evidence_date,
        first_act_date,
        last_act_date,
        first_order_date,
        last_order_date,
        {% for sum in sums %}
        {{ sum }} / latest_weight as {{ sum }},
        {% endfor %}
        last_dissatisfaction,
        bit_count(category_bits) as category_bits,
        offered_category_count,
        sales_amount,
        contact_cost_amount
    from gathering
{%- endmacro %}

{#- Name and measure of everything that is added up with the weight of its month. -#}
{% macro evidence_sums() -%}
    {%- set sums = [] %}
    {% for count in evidence_counts() %}
        {% do sums.append((count ~ 's', count ~ '_count')) %}
    {% endfor %}
    {{ return(sums + [
        ('written', 'written_count'),
        ('answer_credit', 'answer_points / 100'),
        ('answered', 'answered_count'),
        ('order_months', 'case when order_count > 0 then 1 else 0 end'),
    ]) }}
{%- endmacro %}

{#- `months` as they are added up; sales and costs of the year until a date, or of all of them. -#}
{% macro evidence_of_months(which, year_until=none) -%}
    {%- set is_of_the_year = 'month_start_date > ' ~ year_until ~ ' - interval 12 month' if year_until else 'true' %}
    select
        customer_id,
        first_evidence_date,
        last_evidence_date,
        first_act_date,
        last_act_date,
        first_order_date,
        last_order_date,
        {{ evidence_weight('month_start_date') }} as latest_weight,
        {% for sum, measure in evidence_sums() %}
        latest_weight * {{ measure }} as {{ sum }},
        {% endfor %}
        last_dissatisfaction,
        case when last_dissatisfaction is not null then month_start_date end as dissatisfaction_month,
        category_bits,
        offered_category_count,
        {% for amount in ['sales_amount', 'contact_cost_amount'] %}
        case when {{ is_of_the_year }} then {{ amount }} else 0 end as {{ amount }}{{ ',' if not loop.last }}
        {% endfor %}
    from months
    where {{ which }}
{%- endmacro %}

{#- Months that lie more than twelve back: what they added to the year's sums is taken off. -#}
{% macro evidence_leaving(which) -%}
    select
        customer_id,
        -sales_amount as sales_amount,
        -contact_cost_amount as contact_cost_amount
    from months
    where {{ which }} and (sales_amount <> 0 or contact_cost_amount <> 0)
{%- endmacro %}

{% macro summed_evidence(last_date, parts, where=none) -%}
    select
        customer_id,
        {{ last_date }},
        min(first_evidence_date) as first_evidence_date,
        max(last_evidence_date) as last_evidence_date,
        min(first_act_date) as first_act_date,
        max(last_act_date) as last_act_date,
        min(first_order_date) as first_order_date,
        max(last_order_date) as last_order_date,
        max(latest_weight) as latest_weight,
        {% for sum, measure in evidence_sums() %}
        sum({{ sum }}) as {{ sum }},
        {% endfor %}
        arg_max(last_dissatisfaction, dissatisfaction_month) as last_dissatisfaction,
        max(dissatisfaction_month) as dissatisfaction_month,
        bit_or(category_bits) as category_bits,
        max(offered_category_count) as offered_category_count,
        cast(sum(sales_amount) as decimal(18, 3)) as sales_amount,
        cast(sum(contact_cost_amount) as decimal(18, 2)) as contact_cost_amount
    from (
        {{ parts | join('\n        union all by name\n        ') }}
    ) as parts
    {% if where is not none %}where {{ where }}{% endif %}
    group by customer_id
{%- endmacro %}

{% macro evidence_counts() -%}
    {{ return([
        'message', 'offer_message', 'advice_message', 'answer', 'order', 'store_order',
        'discounted_order', 'letter', 'chat', 'call', 'ticket', 'survey', 'staff_contact',
        'unhappy_ticket', 'happy_ticket', 'unhappy_survey', 'happy_survey', 'neutral_answer', 'complaint',
        'unsubscription', 'return', 'deal', 'mishandled_ticket',
    ]) }}
{%- endmacro %}

{#- x / (x + half): 0 at 0, one half at `half`, never above 1, and the same for everybody. -#}
{% macro saturated(x, half) -%}
    ({{ x }}) / (({{ x }}) + {{ half }})
{%- endmacro %}

{#- Months between two days, faded like the evidence that fell into them. -#}
{% macro faded_months(first_date, last_date) -%}
    {%- set half_life = var('evidence_half_life_months') -%}
    greatest(
        1, {{ half_life / 0.6931471805599453 }} * (
            1 - power(2.0, -date_diff('day', {{ first_date }}, {{ last_date }}) / {{ 30.4375 * half_life }})
        )
    )
{%- endmacro %}

{#-
    The signals of each axis as the customer wants it: value of 0 to 1 in SQL over gathered evidence,
    and the observations behind it. `strain` is no axis of a relationship but what can befall any.
    `months_for_<signal>` are those of the customer's in which it could be seen.
-#}
{% macro relationship_signals() -%}
    {%- set policy = var('relationship_signals') -%}
    {{ return([
        ('closeness', 'letters', saturated('letters / months_for_letters', policy.letters.half), 'months_for_letters'),
        ('closeness', 'surveys', saturated('surveys / months_for_surveys', policy.surveys.half), 'months_for_surveys'),
        ('frequency', 'orders', saturated('orders / buying_months', policy.orders.half), 'orders'),
        (
            'frequency',
            'contacts',
            saturated('contacts / months_for_contacts', policy.contacts.half),
            'months_for_contacts',
        ),
        (
            'reciprocity',
            'answers',
            saturated('least(answers, messages) / greatest(messages, 1e-9)', policy.answers.half),
            'messages',
        ),
        (
            'human_share',
            'store_visits',
            'store_orders / greatest(orders, 1e-9)',
            'orders',
        ),
        (
            'human_share',
            'personal_contacts',
            saturated('calls / months_for_personal_contacts', policy.personal_contacts.half),
            'months_for_personal_contacts',
        ),
        ('price_focus', 'discounts', 'discounted_orders / greatest(orders, 1e-9)', 'orders'),
        (
            'commitment',
            'active_months',
            'least(1, order_months / months_for_active_months)',
            'months_for_active_months',
        ),
        ('commitment', 'categories', 'category_breadth', 'orders'),
        ('commitment', 'tenure', saturated('tenure_months', policy.tenure.half), 'months_for_tenure'),
        ('commitment', 'deals', saturated('deals / months_for_deals', policy.deals.half), 'months_for_deals'),
        ('strain', 'grievances', saturated('grievances', policy.grievances.half), 'months_for_grievances'),
        (
            'strain',
            'dissatisfaction',
            'coalesce(last_dissatisfaction, 0)',
            'case when last_dissatisfaction is null then 0 else 1 end',
        ),
    ]) }}
{%- endmacro %}

{#- The measures that signals are made of, one row per customer; reads `gathered` and `seen_from`. -#}
{% macro relationship_measures() -%}
    select
        *,
        {{ faded_months('first_evidence_date', 'last_evidence_date') }} as months_known,
        {% for axis, signal, value, observations in relationship_signals() %}
        {{ is_seen(signal) }} as is_{{ signal }}_seen,
        {% if observations == 'months_for_' ~ signal %}
        {{ faded_months('greatest(first_evidence_date, ' ~ signal ~ '_from)', 'last_evidence_date') }}
            as months_for_{{ signal }},
        {% endif %}
        {% endfor %}
        case
            when first_order_date is not null
                then {{ faded_months('first_order_date', 'last_order_date') }}
            else 1
        end as buying_months,
        coalesce(date_diff('day', first_act_date, last_act_date), 0) / 30.4375 as tenure_months,
        letters + chats + calls + tickets as contacts,
        -- Linear counting (Whang, Vander-Zanden and Taylor, 1990): how many fell into 60 places. Every
        -- doubling counts the same, so that 20 kinds of goods and 300 are one scale.
        ln(1 + least(offered_category_count, -60 * ln(1 - least(category_bits, 59) / 60.0)))
        / ln(1 + greatest(offered_category_count, 1)) as category_breadth,
        greatest(
            0,
            unhappy_tickets + mishandled_tickets + unhappy_surveys + complaints
            - 0.5 * (happy_tickets + happy_surveys)
        ) as grievances
    from gathered
    cross join seen_from
{%- endmacro %}

{#-
    Value and weight of every signal; reads `measured`. What could not be seen has no weight, and is `unseen`
    with all the weight that it could have. But where there is one way to order there is none to choose, and most
    never answer a survey: neither is missing. What nearly all have the same of is `assumed` meanwhile.
-#}
{% macro relationship_signal_values() -%}
    select
        *,
        {% for axis, signal, value, observations in relationship_signals() %}
        {%- set policy = var('relationship_signals')[signal] %}
        {{ value }} as {{ signal }}_value,
        case
            when is_{{ signal }}_seen
                then {{ policy.weight }} * {{ saturated(observations, policy.enough) }}
            else 0
        end as {{ signal }}_weight,
        case when is_{{ signal }}_seen then {{ policy.weight }} else 0 end as {{ signal }}_seen,
        {%- set missing %}
        case when is_{{ 'orders' if signal == 'store_visits' else signal }}_seen then 0 else {{ policy.weight }} end
        {%- endset %}
        {{ missing if 'usual' in policy else '0' }} as {{ signal }}_assumed,
        {{ '0' if signal == 'dissatisfaction' else missing }} as {{ signal }}_unseen
        {{- ',' if not loop.last }}
        {% endfor %}
    from measured
{%- endmacro %}

{#-
    A value no further out than the outermost profile: beyond it an axis tells types apart no more. Who
    orders daily would else be nearest to whichever type orders most, whatever else they do.
-#}
{% macro within_profiles(value, axis) -%}
    least(greatest({{ value }}, {{ axis }}_least), {{ axis }}_most)
{%- endmacro %}

{#-
    The axes and how much each counts; reads `signalled` and `profiles`. `<axis>_most_weight` is what it would
    count if all that can be seen of it spoke. The axes `for_` and `against_` are what they were if all that
    cannot be seen spoke for a relationship, or against it, as loudly as it could; of a strain that cannot be seen
    nothing is held against anybody. The profiles were measured where every signal is present; what is assumed puts
    the others on their scale, but is no evidence.
-#}
{% macro relationship_axis_values() -%}
    select
        signalled.*,
        {% for axis in relationship_axes() + ['strain'] %}
        {%- set policy = var('relationship_axis_weights')[axis] %}
        {%- set signals, products, weights, assumed = [], [], [], [] %}
        {% for of_axis, signal, value, observations in relationship_signals() if of_axis == axis %}
        {% do signals.append(signal) %}
        {% do products.append(signal ~ '_weight * ' ~ signal ~ '_value') %}
        {% do weights.append(var('relationship_signals')[signal].weight) %}
        {% do assumed.append(signal ~ '_assumed * ' ~ var('relationship_signals')[signal].get('usual', 0)) %}
        {% endfor %}
        {%- set most = weights | sum %}
        {{ signals | join('_weight + ') }}_weight as {{ axis }}_signal_weight,
        {{ signals | join('_seen + ') }}_seen as {{ axis }}_seen,
        {{ signals | join('_unseen + ') }}_unseen as {{ axis }}_unseen,
        {{ signals | join('_assumed + ') }}_assumed as {{ axis }}_assumed,
        ({{ products | join(' + ') }}) / nullif({{ axis }}_signal_weight, 0) as wanted_{{ axis }},
        {{ policy.weight }} * {{ saturated(axis ~ '_signal_weight', policy.doubt) }} as {{ axis }}_weight,
        {{ policy.weight * (most + policy.doubt) / most }} * {{ saturated(axis ~ '_seen', policy.doubt) }}
            as {{ axis }}_most_weight,
        {% for prefix in readings() %}
        {%- if prefix == '' %}
        {%- set added, added_weight, pull_weight = assumed | join(' + '), axis ~ '_assumed', '0' %}
        {%- elif prefix ~ axis == 'against_strain' %}
        {%- set added, added_weight, pull_weight = '0', '0', '0' %}
        {%- else %}
        {%- set added = axis ~ '_unseen * ' ~ axis ~ '_' ~ prefix ~ 'it' %}
        {%- set added_weight, pull_weight = axis ~ '_unseen', axis ~ '_unseen' %}
        {%- endif %}
        ({{ products | join(' + ') }} + {{ added }})
        / nullif({{ axis }}_signal_weight + {{ added_weight }}, 0) as {{ prefix }}compared_{{ axis }},
        {{ policy.weight }} * {{ saturated(axis ~ '_signal_weight + ' ~ pull_weight, policy.doubt) }}
            as {{ prefix }}{{ axis }}_pull,
        coalesce(
            {{ prefix }}{{ axis }}_pull * {{ within_profiles(prefix ~ 'compared_' ~ axis, axis) }}, 0
        ) as {{ prefix }}{{ axis }}_pulled{{ ',' if not loop.last }}
        {% endfor %}
        {{- ',' if not loop.last }}
        {% endfor %}
    from signalled
    cross join profiles
{%- endmacro %}

{#-
    Squared distance to each profile, weighted by axis and by the evidence on it, without the part
    that is the same for all types: w (p - x)^2 = w x^2 + w p^2 - w x 2 p. Reads `<axis>_pull`, which is
    w, and `<axis>_pulled`, which is w x (both 0 without evidence), and `profiles`; with a `prefix`, those of
    that name.
-#}
{% macro distances_to_types(axes, prefix='') -%}
    {% for type in relationship_types() %}
    {% for axis in axes %}
    {{ prefix }}{{ axis }}_pull * {{ type }}_{{ axis }}_squared
    - {{ prefix }}{{ axis }}_pulled * {{ type }}_{{ axis }}_twice
    {{- ' +' if not loop.last }}
    {% endfor %} as {{ prefix }}{{ type }}_distance{{ ',' if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#-
    The steps between `gathered` (from gathered_evidence) and `scored`, as common table expressions:
    one row per customer and date, with what they want, of which type and how sure that is.
-#}
{% macro relationship_steps() -%}
seen_from as (

    {{ signals_seen_from() }}

),

measured as (

    {{ relationship_measures() }}

),

signalled as (

    {{ relationship_signal_values() }}

),

profiles as (

    {{ relationship_profiles() }}

),

weighed as (

    {{ relationship_axis_values() }}

),

compared as (

    select
        weighed.*,
        {% for prefix in readings() %}
        {{ distances_to_types(relationship_axes() + ['strain'], prefix=prefix) }}{{ ',' if not loop.last }}
        {% endfor %}
    from weighed
    cross join profiles

),

nearest as (

    select
        *,
        {% for prefix in readings() %}
        least(
            {% for type in relationship_types() %}
            {{ prefix }}{{ type }}_distance{{ ',' if not loop.last }}
            {% endfor %}
        ) as {{ prefix }}least_distance{{ ',' if not loop.last }}
        {% endfor %}
    from compared

),

shared as (

    select
        nearest.*,
        {% for prefix in readings() %}
        {% for type in relationship_types() %}
        exp(
            ({{ prefix }}least_distance - {{ prefix }}{{ type }}_distance)
            / {{ var('relationship_temperature') }}
        ) as {{ prefix }}{{ type }}_odds,
        {% endfor %}
        {{ prefix }}{{ relationship_types() | join('_odds + ' ~ prefix) }}_odds as {{ prefix }}all_odds,
        {% endfor %}
        {{ relationship_axes() | join('_weight + ') }}_weight as evidence_weight,
        {{ relationship_axes() | join('_most_weight + ') }}_most_weight as most_evidence_weight,
        {{ (relationship_axes() + ['strain']) | join('_unseen + ') }}_unseen > 0 as is_something_unseen
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
        {% for prefix in readings() %}
        case {{ prefix }}least_distance
            {% for type in relationship_types() %}
            when {{ prefix }}{{ type }}_distance then '{{ type }}'
            {% endfor %}
        end as {{ prefix }}nearest_type,
        case {{ prefix }}least_distance
            {% for type in relationship_types() %}
            when {{ prefix }}{{ type }}_distance then seeking.{{ type }}
            {% endfor %}
        end as is_{{ prefix }}nearest_seeking,
        (
            {% for type in relationship_types() %}
            case when seeking.{{ type }} then {{ prefix }}{{ type }}_odds else 0 end
            {{- ' +' if not loop.last }}
            {% endfor %}
        ) / {{ prefix }}all_odds as {{ prefix }}seeking_share,
        {% endfor %}
        coalesce(evidence_weight / nullif(most_evidence_weight, 0), 0) as evidence_share
    from shared
    cross join seeking

)
{%- endmacro %}

{#-
    As it is, and where something cannot be seen also with that speaking for a relationship and against it: only
    what all three say is said.
-#}
{% macro readings() -%}
    {{ return(['', 'for_', 'against_']) }}
{%- endmacro %}

{#- `unknown` where the evidence is thin, the types lie too close together or the unseen could make it another. -#}
{% macro inferred_type() -%}
    case
        when
            {{ has_enough_evidence() }}
            and nearest_share >= {{ var('relationship_least_confidence') }}
            and (
                not is_something_unseen
                or (
                    is_nearest_seeking = is_for_nearest_seeking
                    and is_nearest_seeking = is_against_nearest_seeking
                    and (is_nearest_seeking or {{ has_enough_evidence_for_a_no() }})
                    and (nearest_type <> 'no_relationship' or for_nearest_type = 'no_relationship')
                )
            )
            then nearest_type
        else 'unknown'
    end
{%- endmacro %}

{#- `yes` or `no`, or `unknown`, by the same rule. -#}
{% macro inferred_wish() -%}
    case
        when not {{ has_enough_evidence() }} then 'unknown'
        when
            seeking_share >= {{ var('wants_relationship_from') }}
            and (not is_something_unseen or against_seeking_share >= {{ var('wants_relationship_from') }})
            then 'yes'
        when
            seeking_share <= {{ var('wants_none_up_to') }}
            and (
                not is_something_unseen
                or (
                    for_seeking_share <= {{ var('wants_none_up_to') }}
                    and {{ has_enough_evidence_for_a_no() }}
                )
            )
            then 'no'
        else 'unknown'
    end
{%- endmacro %}

{% macro has_enough_evidence() -%}
    (
        months_known >= {{ var('relationship_least_months') }}
        and evidence_share >= {{ var('relationship_least_evidence') }}
    )
{%- endmacro %}

{#-
    A yes can be heard on one axis; a no is the silence on all of them, so there what cannot be seen counts as
    evidence that is lacking.
-#}
{% macro has_enough_evidence_for_a_no() -%}
    evidence_weight >= {{ var('relationship_least_evidence') * (
        var('relationship_axis_weights').values() | map(attribute='weight') | sum
        - var('relationship_axis_weights').strain.weight
    ) }}
{%- endmacro %}

{#-
    From -1 to 1; null without a word from them: of whom nothing is known nobody can say that they are neutral. What
    weighs nothing by the policy is no word, what they found neither good nor bad is one.
-#}
{% macro polarity_score() -%}
    {%- set net -%}
        ({% for sign, weight in var('polarity_weights').items() %}{{ weight }} * {{ sign }}s{{ ' + ' if not loop.last }}{% endfor %})
    {%- endset -%}
    {%- set words = ['neutral_answers'] %}
    {%- for sign, weight in var('polarity_weights').items() if weight != 0 %}{% do words.append(sign ~ 's') %}{% endfor %}
    case when {{ words | join(' + ') }} > 0 then {{ net }} / (abs({{ net }}) + {{ var('polarity_half') }}) end
{%- endmacro %}

{% macro polarity(score) -%}
    case
        when {{ score }} is null then 'unknown'
        when {{ score }} >= {{ var('polarity_least_score') }} then 'positive'
        when {{ score }} <= -{{ var('polarity_least_score') }} then 'negative'
        else 'neutral'
    end
{%- endmacro %}

{% macro value_tier(sales_amount) -%}
    case
        {% for tier, least in var('value_tiers').items() %}
        when {{ sales_amount }} >= {{ least }} then {{ sql_text(tier) }}
        {% endfor %}
        else 'none'
    end
{%- endmacro %}
