{#- The text at a path (`$.a.b`) of a JSON text; null where there is none, or no JSON. -#}
{% macro json_text(column, path) -%}{{ adapter.dispatch('json_text', 'rapport')(column, path) }}{%- endmacro %}

{% macro default__json_text(column, path) -%}
    json_extract_string(try_cast({{ column }} as json), {{ sql_text(path) }})
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

{#-
    A JSON object as a struct of texts, parsed once however many members are asked for;
    null where the column holds no object. `members` is a list of names, or a mapping of
    names to what is below them: 'string', a mapping, or a list of one of the two.
-#}
{% macro json_members(column, members) -%}
    {% if members is mapping %}
        {% set structure = members %}
    {% else %}
        {% set structure = {} %}
        {% for member in members %}
            {% do structure.update({member: 'string'}) %}
        {% endfor %}
    {% endif %}
    {{ adapter.dispatch('json_members', 'rapport')(column, structure) }}
{%- endmacro %}

{% macro default__json_members(column, structure) -%}
    case
        when starts_with(ltrim({{ column }}), '{')
            then json_transform(
                try_cast({{ column }} as json), '{{ tojson(structure) }}'
            )
    end
{%- endmacro %}

{#- What Spark cannot read is a record of nulls, so an object is asked for first. -#}
{% macro spark__json_members(column, structure) -%}
    case
        when
            {{ column }} rlike {{ sql_text('\\A\\p{Zs}*\\{') }}
            and try_parse_json({{ column }}) is not null
            then from_json({{ column }}, '{{ _json_type(structure) }}')
    end
{%- endmacro %}

{% macro _json_type(structure) -%}
    {%- if structure is mapping -%}
        struct<
        {%- for name, below in structure.items() -%}
            `{{ name }}`: {{ _json_type(below) }}{{ ', ' if not loop.last }}
        {%- endfor -%}
        >
    {%- elif structure is string -%}
        string
    {%- else -%}
        array<{{ _json_type(structure[0]) }}>
    {%- endif -%}
{%- endmacro %}

{#- A JSON list as a list of texts: its members, or that `member` of each; empty where it cannot be read, null of no list. -#}
{% macro json_list(column, member=none) -%}
    {{ adapter.dispatch('json_list', 'rapport')(column, member) }}
{%- endmacro %}

{% macro default__json_list(column, member) -%}
    case
        when starts_with(ltrim({{ column }}), '[')
            then
                coalesce(
                    json_extract_string(
                        try_cast({{ column }} as json), '$[*]{{ '.' ~ member if member }}'
                    ),
                    []
                )
    end
{%- endmacro %}

{% macro spark__json_list(column, member) -%}
    case
        when {{ column }} rlike {{ sql_text('\\A\\p{Zs}*\\[') }}
            then
                coalesce(
                    {% if member %}
                    array_compact(
                        from_json({{ column }}, 'array<struct<`{{ member }}`: string>>').{{ member }}
                    ),
                    {% else %}
                    from_json({{ column }}, 'array<string>'),
                    {% endif %}
                    array()
                )
    end
{%- endmacro %}

{#- The names of a JSON object's members; none where it is no object. -#}
{% macro json_names(column) -%}{{ adapter.dispatch('json_names', 'rapport')(column) }}{%- endmacro %}

{% macro default__json_names(column) -%}
    coalesce(json_keys(try_cast({{ column }} as json)), [])
{%- endmacro %}

{% macro spark__json_names(column) -%}
    coalesce(json_object_keys({{ column }}), array())
{%- endmacro %}

{#- A part of a JSON text, still JSON. -#}
{% macro json_part(column, path) -%}{{ adapter.dispatch('json_part', 'rapport')(column, path) }}{%- endmacro %}

{% macro default__json_part(column, path) -%}
    json_extract(try_cast({{ column }} as json), {{ sql_text(path) }})
{%- endmacro %}

{% macro spark__json_part(column, path) -%}
    get_json_object({{ column }}, {{ sql_text(path) }})
{%- endmacro %}

{#- A member of a record whose name is no word of SQL. -#}
{% macro member(record, name) -%}
    {{ record }}.{{ adapter.quote(name) }}
{%- endmacro %}
