{#- The night. Nothing else in the project may ask what time it is. -#}

{% macro as_of_date() -%}
    cast('{{ _as_of_text() }}' as date)
{%- endmacro %}

{#- The first instant the night no longer sees (UTC). -#}
{% macro cutoff() -%}
    (cast('{{ _as_of_text() }}' as timestamp) + interval 1 day)
{%- endmacro %}

{#- Whole days since 1970-01-01: what rolling windows count on. -#}
{% macro day_number(date_expression) -%}
    {{ days_between("date '1970-01-01'", date_expression) }}
{%- endmacro %}

{#- Parsing knows no night, so it gets a placeholder; running without one is refused at the start. -#}
{% macro _as_of_text() -%}
    {{ var('as_of_date', none) if _is_night() else '1970-01-01' }}
{%- endmacro %}

{% macro _is_night() -%}
    {{ return(modules.re.fullmatch('\d{4}-\d{2}-\d{2}', var('as_of_date', none) | string)) }}
{%- endmacro %}

{% macro require_as_of_date() -%}
    {% if execute and not _is_night() %}
        {{ exceptions.raise_compiler_error(
            "The night is missing: dbt build --vars '{as_of_date: YYYY-MM-DD}' (got "
            ~ var('as_of_date', none) ~ ")"
        ) }}
    {% endif %}
{%- endmacro %}
