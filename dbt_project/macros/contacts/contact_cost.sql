{#- What one contact costs, by the policy `contact_cost_amounts`; a channel it does not know is free. -#}
{% macro contact_cost(channel, actor="'automated'") -%}
    case
        {% for who, amounts in var('contact_cost_amounts').items() %}
        {% for name, amount in amounts.items() %}
        when {{ actor }} = {{ sql_text(who) }} and {{ channel }} = {{ sql_text(name) }} then {{ amount }}
        {% endfor %}
        {% endfor %}
        else 0
    end
{%- endmacro %}
