{#- A text as SQL writes it: a quote in a name is doubled. -#}
{% macro sql_text(text) -%}
    '{{ text | string | replace("'", "''") }}'
{%- endmacro %}

{#- A count with its noun, as a sentence has them: `1 order`, `2,000 orders`. -#}
{% macro counted(count, one, many=none) -%}
    format('{:,}', cast({{ count }} as bigint))
    || case when cast({{ count }} as bigint) = 1 then {{ sql_text(' ' ~ one) }} else {{ sql_text(' ' ~ (many or one ~ 's')) }} end
{%- endmacro %}

{#- The same of several, with commas between them. -#}
{% macro sql_texts(texts) -%}
    {% for text in texts %}{{ sql_text(text) }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{#- Columns as one value, so that an aggregate looks for their row once; each is a field of its own name. -#}
{% macro record_of(columns) -%}
    struct_pack({% for column in columns %}{{ column }} := {{ column }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}
