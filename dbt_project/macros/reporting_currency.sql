{#- The currency that marts add amounts up in; a row of a table, as orders may have decided it. -#}
{% macro reporting_currency() -%}
    cast((select reporting.currency_code from {{ ref('int_orders__reporting_currency') }} as reporting) as varchar)
{%- endmacro %}

{#- Amounts of deals of one currency can be added up; the others are counted beside. -#}
{% macro is_summed(column='currency_code') -%}
    {{ column }} = {{ reporting_currency() }}
{%- endmacro %}
