{#- A text as SQL writes it: a quote in a name is doubled. -#}
{% macro sql_text(text) -%}
    {{- adapter.dispatch('sql_text', 'rapport')(text) -}}
{%- endmacro %}

{% macro default__sql_text(text) -%}
    '{{ text | string | replace("'", "''") }}'
{%- endmacro %}

{#- There a backslash begins an escape. -#}
{% macro spark__sql_text(text) -%}
    '{{ text | string | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}

{#- A text of a policy that may say nothing. -#}
{% macro sql_text_or_null(text) -%}
    cast({{ sql_text(text) if text is not none else 'null' }} as string)
{%- endmacro %}

{#- A count with its noun, as a sentence has them: `1 order`, `2,000 orders`. -#}
{% macro counted(count, one, many=none) -%}
    {{ thousands(count) }}
    || case when cast({{ count }} as bigint) = 1 then {{ sql_text(' ' ~ one) }} else {{ sql_text(' ' ~ (many or one ~ 's')) }} end
{%- endmacro %}

{#- A number of days that may be half of one: `1 day`, `6.5 days`. -#}
{% macro days_in_words(days) -%}
    replace(cast(cast(round({{ days }} * 1e1) / 1e1 as decimal(9, 1)) as string), '.0', '')
    || case when {{ days }} = 1 then ' day' else ' days' end
{%- endmacro %}

{#- A share or a place on a scale of 1, in two digits. -#}
{% macro share_text(share) -%}
    cast(cast(round({{ share }} * 1e2) / 1e2 as decimal(9, 2)) as string)
{%- endmacro %}

{#- A number with one decimal, as people read it: 1,234.5. -#}
{% macro in_tenths(number) -%}
    {%- set tenths = 'round((' ~ number ~ ') * 1e1)' -%}
    {{ thousands('floor(' ~ tenths ~ ' / 1e1)') }} || '.' || cast(cast({{ tenths }} % 1e1 as integer) as string)
{%- endmacro %}

{#- An amount that was computed (double) in whole cents; a cast alone rounds .005 by the engine's own lights. -#}
{% macro in_cents(amount) -%}
    cast(round(({{ amount }}) * 1e2) / 1e2 as decimal(18, 2))
{%- endmacro %}

{#- Several texts as SQL writes them, with commas between them. -#}
{% macro sql_texts(texts) -%}
    {% for text in texts %}{{ sql_text(text) }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
