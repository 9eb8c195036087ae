{#- Channels that marketing may use, if she lets it. -#}
{% macro marketing_channels() -%}
    {{ return(['email', 'sms', 'push', 'phone', 'post']) }}
{%- endmacro %}

{#- Was consent given in a way that only the person herself can have used? -#}
{% macro is_own_act(method) -%}
    coalesce(
        {{ method }} in ({{ "'" ~ var('consent_methods_of_her_own') | join("', '") ~ "'" }}), false
    )
{%- endmacro %}

{#- The consent to the channel that a column names; to one that nobody asks about it is unknown. -#}
{% macro consent_to(channel, preferences) -%}
    coalesce(
        case {{ channel }}
            {% for known in marketing_channels() %}
            when '{{ known }}' then {{ preferences }}.{{ known }}_consent
            {% endfor %}
        end,
        'unknown'
    )
{%- endmacro %}

{#- Those of `choices` that no record of hers leaves out; null when none of them says anything. -#}
{% macro in_all_lists(column, choices) -%}
    case
        when count({{ column }}) > 0
            then
                list_concat(
                    {% for choice in choices %}
                    case
                        when bool_and(coalesce(list_contains({{ column }}, '{{ choice }}'), true))
                            then ['{{ choice }}']
                    end{{ ',' if not loop.last }}
                    {% endfor %}
                )
    end
{%- endmacro %}

{#- Everything that any record of hers lists. -#}
{% macro in_any_list(column) -%}
    list_sort(list_distinct(flatten(list({{ column }}) filter (where {{ column }} is not null))))
{%- endmacro %}

{#- Of what her records say, the latest answer; never dependent on the order of rows. -#}
{% macro newest_said(column) -%}
    first(
        {{ column }} order by preferences_updated_at desc nulls last, updated_at desc, contact_id
    ) filter (where {{ column }} is not null)
{%- endmacro %}
