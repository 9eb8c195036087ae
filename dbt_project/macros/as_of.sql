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
    date_diff('day', date '1970-01-01', {{ date_expression }})
{%- endmacro %}

{#-
    First day of this many months, the running one among them. What looks back by whole months is the
    same night after night for a customer to whom nothing happens, until a month ends.
-#}
{% macro first_day_of_months(months) -%}
    cast(date_trunc('month', {{ as_of_date() }}) - interval {{ months - 1 }} month as date)
{%- endmacro %}

{#- Last day of the last month that is over tonight, which may be tonight itself. -#}
{% macro last_day_of_complete_months() -%}
    cast(date_trunc('month', {{ as_of_date() }} + 1) - interval 1 day as date)
{%- endmacro %}

{#- First day of this many months that are over. -#}
{% macro first_day_of_complete_months(months) -%}
    cast(date_trunc('month', {{ as_of_date() }} + 1) - interval {{ months }} month as date)
{%- endmacro %}

{#- Parsing knows no night, so it gets a placeholder; running without one is refused at the start. -#}
{% macro _as_of_text() -%}
    {{ var('as_of_date', none) or '1970-01-01' }}
{%- endmacro %}

{% macro require_as_of_date() -%}
    {% if execute %}
        {% set given = var('as_of_date', none) | string %}
        {% if not modules.re.fullmatch('\d{4}-\d{2}-\d{2}', given) %}
            {{ exceptions.raise_compiler_error(
                "The night is missing: dbt build --vars '{as_of_date: YYYY-MM-DD}' (got " ~ given ~ ")"
            ) }}
        {% endif %}
    {% endif %}
{%- endmacro %}
