{#- The text at a path (`$.a.b`) of a JSON text; null where there is none, or no JSON. -#}
{% macro json_text(column, path) -%}{{ adapter.dispatch('json_text', 'rapport')(column, path) }}{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string(try_cast({{ column }} as json), {{ sql_text(path) }})
{%- endmacro %}

{% macro spark__json_text(column, path) -%}
    get_json_object({{ column }}, {{ sql_text(path) }})
{%- endmacro %}
