{#- The types of relationship; their profiles are in the seed of the same name. -#}
{% macro relationship_types() -%}
    {{ return([
        'no_relationship',
        'acquaintance',
        'basic_exchange',
        'buddy',
        'best_friend',
        'business_partner',
        'fling',
        'full_service',
        'strained',
    ]) }}
{%- endmacro %}

{#- Is it one of them? A word of the CRM's own is none. -#}
{% macro is_relationship_type(column) -%}
    {{ column }} in (
        {% for type in relationship_types() %}
        '{{ type }}'{{ ',' if not loop.last }}
        {% endfor %}
    )
{%- endmacro %}

{#- The axes that a relationship is measured on, as wanted and as given. -#}
{% macro relationship_axes() -%}
    {{ return([
        'closeness',
        'frequency',
        'reciprocity',
        'human_share',
        'price_focus',
        'commitment',
    ]) }}
{%- endmacro %}

{#- All profiles in one row, a column per number, so that a customer is held against each without a join per type. -#}
{% macro relationship_profiles() -%}
    {% for axis in relationship_axes() + ['strain'] %}
    min({{ axis }}) as {{ axis }}_least,
    max({{ axis }}) as {{ axis }}_most,
    -- at which end of the axis what speaks for a relationship is
    case
        when avg({{ axis }}) filter (where seeks_relationship)
        >= avg({{ axis }}) filter (where not seeks_relationship)
            then 1
        else 0
    end as {{ axis }}_for_it,
    1 - {{ axis }}_for_it as {{ axis }}_against_it,
    {% endfor %}
    {% for type in relationship_types() %}
    {%- set last_type = loop.last %}
    {% for axis in relationship_axes() + ['strain'] %}
    max({{ axis }} * {{ axis }}) filter (
        where relationship_type = '{{ type }}'
    ) as {{ type }}_{{ axis }}_squared,
    max(2 * {{ axis }}) filter (
        where relationship_type = '{{ type }}'
    ) as {{ type }}_{{ axis }}_twice{{ ',' if not (last_type and loop.last) }}
    {% endfor %}
    {% endfor %}
{%- endmacro %}

{#- Who says that somebody is of their type, in words: they themselves, or a model and how sure it is. -#}
{% macro basis_in_words(relationships=none) -%}
    {%- set of = relationships ~ '.' if relationships else '' -%}
    case {{ of }}type_basis
        when 'declared' then 'as they said'
        when 'inferred'
            then 'inferred, ' || cast(round(100 * {{ of }}inferred_confidence) as integer) || ' % sure'
        else 'too little is known of them'
    end
{%- endmacro %}

{#- The same of whether they want a relationship at all. -#}
{% macro wish_basis_in_words() -%}
    case wants_basis
        when 'declared' then 'as they said'
        else 'inferred, ' || cast(cast(round(100e0 * seeking_share) as integer) as string) || ' % sure'
    end
{%- endmacro %}

{#- What a cap is and who says so, in words. -#}
{% macro cap_in_words() -%}
    case
        when contact_cap_source = 'declared' then 'they allow ' || contact_cap_30d
        when contact_cap_source = 'pulse'
            then
                'they said on ' || cast(pulse_answered_date as string) || ' that it was too much, so '
                || contact_cap_30d || ' at the most until ' || cast(pulse_until_date as string)
        else
            contact_cap_30d || ' is the most that suits them, by the '
            || case contact_cap_source
                when 'optimum' then 'response curve of their type'
                else 'treatment of their type'
            end
            || ' (' || {{ basis_in_words() }} || ')'
    end
{%- endmacro %}
