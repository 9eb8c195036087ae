{#- Instants are timestamps without a zone, in UTC; days are dates. Where a series or an unnested list stands, it stands
    alone in the select of its own subquery, beside plain columns: one row per element, none for null or nothing. -#}

{% macro microseconds_of(instant) -%}{{ adapter.dispatch('microseconds_of', 'rapport')(instant) }}{%- endmacro %}

{% macro default__microseconds_of(instant) -%}
    epoch_us({{ instant }})
{%- endmacro %}

{% macro spark__microseconds_of(instant) -%}
    unix_micros(cast({{ instant }} as timestamp_ltz))
{%- endmacro %}

{#- The instant so many microseconds after 1970 began. -#}
{% macro instant_of(microseconds) -%}{{ adapter.dispatch('instant_of', 'rapport')(microseconds) }}{%- endmacro %}

{% macro default__instant_of(microseconds) -%}
    make_timestamp({{ microseconds }})
{%- endmacro %}

{% macro spark__instant_of(microseconds) -%}
    cast(timestamp_micros({{ microseconds }}) as timestamp_ntz)
{%- endmacro %}

{#- Hours with their fraction, from the instants themselves. -#}
{% macro hours_between(earlier, later) -%}
    cast({{ microseconds_of(later) }} - {{ microseconds_of(earlier) }} as double) / 3600000000e0
{%- endmacro %}

{#- Whole days from one date to another. -#}
{% macro days_between(first_date, last_date) -%}{{ adapter.dispatch('days_between', 'rapport')(first_date, last_date) }}{%- endmacro %}

{% macro default__days_between(first_date, last_date) -%}
    ({{ last_date }} - {{ first_date }})
{%- endmacro %}

{% macro spark__days_between(first_date, last_date) -%}
    cast(datediff({{ last_date }}, {{ first_date }}) as bigint)
{%- endmacro %}

{#- Months from that of one date to that of another. -#}
{% macro months_between(first_date, last_date) -%}
    cast(
        (year({{ last_date }}) - year({{ first_date }})) * 12 + month({{ last_date }}) - month({{ first_date }}) as bigint
    )
{%- endmacro %}

{#- An instant so many units later; a unit that an expression counts. A constant is `+ interval 3 day` in both. -#}
{% macro days_later(instant, count) -%}{{ adapter.dispatch('later', 'rapport')(instant, 'day', count) }}{%- endmacro %}
{% macro minutes_later(instant, count) -%}{{ adapter.dispatch('later', 'rapport')(instant, 'minute', count) }}{%- endmacro %}

{% macro default__later(instant, unit, count) -%}
    ({{ instant }} + to_{{ unit }}s({{ count }}))
{%- endmacro %}

{% macro spark__later(instant, unit, count) -%}
    timestampadd({{ unit }}, {{ count }}, {{ instant }})
{%- endmacro %}

{#- One row per day, from the first to the last. -#}
{% macro series_of_days(first_date, last_date) -%}{{ adapter.dispatch('series_of', 'rapport')(first_date, last_date, 'day') }}{%- endmacro %}

{#- One row per month, by its first day; both ends are such. -#}
{% macro series_of_months(first_date, last_date) -%}{{ adapter.dispatch('series_of', 'rapport')(first_date, last_date, 'month') }}{%- endmacro %}

{% macro default__series_of(first_date, last_date, unit) -%}
    cast(unnest(generate_series({{ first_date }}, {{ last_date }}, interval 1 {{ unit }})) as date)
{%- endmacro %}

{#- A sequence would run backwards where the last day lies before the first. -#}
{% macro spark__series_of(first_date, last_date, unit) -%}
    explode(
        case
            when {{ last_date }} >= {{ first_date }}
                then sequence({{ first_date }}, {{ last_date }}, interval 1 {{ unit }})
        end
    )
{%- endmacro %}

{#- One row per whole number, from the first to the last. -#}
{% macro series_of_numbers(first, last) -%}{{ adapter.dispatch('series_of_numbers', 'rapport')(first, last) }}{%- endmacro %}

{% macro default__series_of_numbers(first, last) -%}
    unnest(generate_series(cast({{ first }} as bigint), cast({{ last }} as bigint)))
{%- endmacro %}

{% macro spark__series_of_numbers(first, last) -%}
    explode(
        case
            when {{ last }} >= {{ first }}
                then sequence(cast({{ first }} as bigint), cast({{ last }} as bigint))
        end
    )
{%- endmacro %}

{#- The day of the week of a date, 1 = Monday. -#}
{% macro iso_weekday(date_expression) -%}{{ adapter.dispatch('iso_weekday', 'rapport')(date_expression) }}{%- endmacro %}

{% macro default__iso_weekday(date_expression) -%}
    isodow({{ date_expression }})
{%- endmacro %}

{% macro spark__iso_weekday(date_expression) -%}
    (weekday({{ date_expression }}) + 1)
{%- endmacro %}
