{#- Amounts of one currency can be added up; the others are counted beside. -#}
{% macro is_summed(column='currency_code') -%}
    {{ column }} = '{{ var("reporting_currency") }}'
{%- endmacro %}
