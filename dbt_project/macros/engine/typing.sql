{#- What a text says, where engines read texts differently; null where it does not say it. -#}

{#- A text as a number of a type that has fractions; null where it is none. -#}
{% macro number(text, type='double') -%}{{ adapter.dispatch('number', 'rapport')(text, type) }}{%- endmacro %}

{% macro default__number(text, type) -%}
    try_cast({{ text }} as {{ type }})
{%- endmacro %}

{#- Spark reads 1d as well, and digits of other scripts; DuckDB 1_000. -#}
{% macro spark__number(text, type) -%}
    case
        when not {{ text }} rlike {{ sql_text('(?i)[0-9.][df]\\s*\\z|[^\\x00-\\x7F]') }}
            then
                try_cast(
                    regexp_replace({{ text }}, {{ sql_text('(?<=\\d)_(?=\\d)') }}, '') as {{ type }}
                )
    end
{%- endmacro %}

{#- A number with a fraction is not rounded, it is refused. -#}
{% macro whole_number(column) -%}
    {{ adapter.dispatch('whole_number', 'rapport')(column) }}
{%- endmacro %}

{% macro default__whole_number(column) -%}
    case
        when try_cast({{ column }} as double) = try_cast({{ column }} as bigint)
            then try_cast({{ column }} as bigint)
    end
{%- endmacro %}

{#- Spark's bigints have no point and no exponent. -#}
{% macro spark__whole_number(column) -%}
    {% set rounded = number(column, 'decimal(38, 0)') %}
    case
        when {{ number(column) }} = cast({{ rounded }} as double) then try_cast({{ rounded }} as bigint)
    end
{%- endmacro %}

{#- A yes or no as tools write it: true, t, yes, y or 1; null for what is neither. -#}
{% macro boolean(text) -%}{{ adapter.dispatch('boolean', 'rapport')(text) }}{%- endmacro %}

{% macro default__boolean(text) -%}
    try_cast({{ text }} as boolean)
{%- endmacro %}

{% macro spark__boolean(text) -%}
    case
        when lower({{ text }}) in ('true', 't', 'yes', 'y', '1') then true
        when lower({{ text }}) in ('false', 'f', 'no', 'n', '0') then false
    end
{%- endmacro %}

{#-
    DuckDB drops the offset in a cast to TIMESTAMP, so everything is cast with it; what is not in its own
    spelling, as most tools write it, is first put into it.
-#}
{% macro default__spelled_instant(column, spelled) -%}
    {% set engines_own -%}
        \d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-](0\d|1[0-4])(:?[0-5]\d)?)?)?
    {%- endset %}
        when {{ matches(column, engines_own) }}
            then try_cast({{ column }} as timestamptz) at time zone 'UTC'
        when {{ matches(column, spelled) }}
            then
                try_cast(
                    {{ replaced(column, spelled, '\\1-\\2-\\3 ') }}
                    || coalesce(nullif({{ extracted(column, spelled, 4) }}, ''), '0:00')
                    || coalesce(nullif({{ extracted(column, spelled, 5) }}, ''), ':00')
                    || {{ replaced(extracted(column, spelled, 6), '(?i)^(z|utc|gmt|)$', '+00') }}
                    as timestamptz
                ) at time zone 'UTC'
{%- endmacro %}

{#- Spark reads one spelling of an offset, fractions of six digits, and no 24:00. -#}
{% macro spark__spelled_instant(column, spelled) -%}
    {% set hour = extracted(column, spelled, 4) %}
    {% set second = 'left(' ~ extracted(column, spelled, 5) ~ ', 10)' %}
    {% set offset = extracted(column, spelled, 6) %}
    {% set is_midnight = hour ~ " = '24:00' and replace(translate(" ~ second ~ ", ':.', ''), '0', '') = ''" %}
        when {{ matches(column, spelled) }}
            then
                cast(
                    try_cast(
                        {{ extracted(column, spelled, 1) }}
                        || '-' || {{ extracted(column, spelled, 2) }}
                        || '-' || {{ extracted(column, spelled, 3) }} || ' '
                        || case
                            when {{ is_midnight }} then '0:00:00'
                            else
                                coalesce(nullif({{ hour }}, ''), '0:00')
                                || coalesce(nullif({{ second }}, ''), ':00')
                        end
                        || case
                            when left({{ offset }}, 1) in ('+', '-')
                                then
                                    left({{ offset }}, 3) || ':'
                                    || rpad(replace(substr({{ offset }}, 4), ':', ''), 2, '0')
                            else '+00:00'
                        end
                        as timestamp_ltz
                    ) as timestamp_ntz
                ) + case when {{ is_midnight }} then interval 1 day else interval 0 day end
{%- endmacro %}

{#- The day that a text names by a format of %Y, %m and %d, with one digit or two; null where it does not. -#}
{% macro day_by(text, format) -%}{{ adapter.dispatch('day_by', 'rapport')(text, format) }}{%- endmacro %}

{% macro default__day_by(text, format) -%}
    cast(try_strptime({{ text }}, {{ sql_text(format) }}) as date)
{%- endmacro %}

{#- Digits that nothing parts are of two each; four of the year. -#}
{% macro spark__day_by(text, format) -%}
    {% set year = '(\\d{1,4})' if format[2] != '%' else '(\\d{4})' %}
    {% set part = '(\\d{1,2})' if format[2] != '%' else '(\\d{2})' %}
    {% set order = modules.re.findall('%(.)', format) %}
    {% set pattern -%}
        \A{{ modules.re.escape(format) | replace('\\%', '%') | replace('%Y', year) | replace('%m', part) | replace('%d', '(\\d{1,2})') }}\z
    {%- endset %}
    try_cast(
        lpad({{ extracted(text, pattern, order.index('Y') + 1) }}, 4, '0')
        || '-' || {{ extracted(text, pattern, order.index('m') + 1) }}
        || '-' || {{ extracted(text, pattern, order.index('d') + 1) }}
        as date
    )
{%- endmacro %}
