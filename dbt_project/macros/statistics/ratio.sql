{#- Null, and not an error or a zero, where there is nothing to divide by. -#}
{% macro ratio(part, whole) -%}
    cast({{ part }} as double) / nullif({{ whole }}, 0)
{%- endmacro %}
