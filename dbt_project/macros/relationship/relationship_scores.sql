{#-
    The formulas of relationship scores (int_relationship__scores), where more than one model says them. Every one is
    a function of one customer's own months, so nobody's score depends on who else is there.
-#}

{#- x / (x + half): 0 at 0, one half at `half`, never above 1, and the same for everybody. -#}
{% macro saturated(x, half) -%}
    ({{ x }}) / (({{ x }}) + cast({{ half }} as double))
{%- endmacro %}

{#- Months between two days, faded like the evidence that fell into them. -#}
{% macro faded_months(first_date, last_date) -%}
    {%- set half_life = var('evidence_half_life_months') -%}
    greatest(
        1, cast({{ half_life / 0.6931471805599453 }} as double) * (
            1 - power(
                2e0, -{{ days_between(first_date, last_date) }} / cast({{ 30.4375 * half_life }} as double)
            )
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

{#- Signals whose observations are the customer's months in which they could be seen. -#}
{% macro signals_by_month() -%}
    {%- set signals = [] %}
    {% for axis, signal, value, observations in relationship_signals() if observations == 'months_for_' ~ signal %}
        {% do signals.append(signal) %}
    {% endfor %}
    {{ return(signals) }}
{%- endmacro %}

{#- How many they were; with `seen_from`. -#}
{% macro months_for(signal) -%}
    {{ faded_months('greatest(first_evidence_date, ' ~ signal ~ '_from)', 'last_evidence_date') }}
{%- endmacro %}

{#- What a signal counts by its observations, most what the policy says; nothing where it could not be seen. -#}
{% macro signal_weight(signal, observations) -%}
    {%- set policy = var('relationship_signals')[signal] -%}
    case
        when is_{{ signal }}_seen
            then cast({{ policy.weight }} as double) * {{ saturated(observations, policy.enough) }}
        else 0e0
    end
{%- endmacro %}

{#-
    A value no further out than the outermost profile: beyond it an axis tells types apart no more. Who
    orders daily would else be nearest to whichever type orders most, whatever else they do.
-#}
{% macro within_profiles(value, axis) -%}
    least(greatest({{ value }}, {{ axis }}_least), {{ axis }}_most)
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

{% macro polarity(score) -%}
    case
        when {{ score }} is null then 'unknown'
        when {{ score }} >= cast({{ var('polarity_least_score') }} as double) then 'positive'
        when {{ score }} <= -cast({{ var('polarity_least_score') }} as double) then 'negative'
        else 'neutral'
    end
{%- endmacro %}

{% macro value_tier(sales_amount) -%}
    case
        {% for tier, least in var('value_tiers').items() %}
        when {{ sales_amount }} >= cast({{ least }} as double) then {{ sql_text(tier) }}
        {% endfor %}
        else 'none'
    end
{%- endmacro %}
