{#-
    Has the firm any of these streams (`shop.orders`)? A dbt run by hand says nothing of it, and then it has all.
-#}
{% macro has_any(streams) -%}
    {% set there = var('streams_declared') %}
    {{ return(there is none or (there | select('in', streams) | list | length > 0)) }}
{%- endmacro %}

{#- Of a total: the source's key may not read the stream, so that nobody counts it. -#}
{% macro is_refused() -%}
    coalesce(starts_with(method, 'refused'), false)
{%- endmacro %}

{#- A value that is known where the firm has any of the streams, and null where it has none of them. -#}
{% macro known_by(streams, value, type) -%}
    {% if has_any(streams) %}{{ value }}{% else %}cast(null as {{ type }}){% endif %}
{%- endmacro %}
