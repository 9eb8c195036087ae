{#- A stream of declared sources; stands in for the one that reads them. -#}
{% macro mapped(stream) -%}
    {%- set node = graph.get('nodes', {}).get('model.rapport.canonical_' ~ stream, {'columns': {}}) %}
    select
        {% for column in node.columns.values() %}
        cast(null as {{ column.data_type }}) as {{ column.name }},
        {% endfor %}
        1 as is_none
    where false
{%- endmacro %}
