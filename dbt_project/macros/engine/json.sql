{#- The text at a path (`$.a.b`) of a JSON text; null where there is none. -#}
{% macro json_text(column, path) -%}{{ adapter.dispatch('json_text', 'rapport')(column, path) }}{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string({{ column }}, {{ sql_text(path) }})
{%- endmacro %}

{% macro spark__json_text(column, path) -%}
    get_json_object({{ column }}, {{ sql_text(path) }})
{%- endmacro %}

{#- A JSON list of objects as a list of records of texts; null where the column holds none. -#}
{% macro json_records(column, members) -%}{{ adapter.dispatch('json_records', 'rapport')(column, members) }}{%- endmacro %}

{% macro default__json_records(column, members) -%}
    from_json(
        try_cast({{ column }} as json),
        '[{ {%- for member in members %}"{{ member }}": "VARCHAR"{{ ', ' if not loop.last }}{% endfor -%} }]'
    )
{%- endmacro %}

{% macro spark__json_records(column, members) -%}
    from_json(
        {{ column }},
        'array<struct<{% for member in members %}{{ member }}: string{{ ', ' if not loop.last }}{% endfor %}>>'
    )
{%- endmacro %}
