{#-
    The reporting clock. A day, and so a month, of the marts is one on the clock of `reporting_time_zone`,
    while the night sees everything before a midnight of UTC. The clock's latest day is therefore seldom
    whole: west of UTC the as-of date is still running when the night looks, east of it the day after
    has begun. Whoever counts back counts from `latest_day()`, so that nothing is younger than 0 days; what
    asks for whole days ends with `last_complete_day()`.
-#}

{#- Day of the last instant that the night sees. -#}
{% macro latest_day() -%}
    cast('{{ _on_reporting_clock(modules.datetime.timedelta(days=1, microseconds=-1)) }}' as date)
{%- endmacro %}

{#- The last day of which nothing is missing: the day before the one that the night's cut lies in. -#}
{% macro last_complete_day() -%}
    (cast('{{ _on_reporting_clock(modules.datetime.timedelta(days=1)) }}' as date) - 1)
{%- endmacro %}

{#-
    First day of this many months, the running one among them. What looks back by whole months is the
    same night after night for a customer to whom nothing happens, until a month ends.
-#}
{% macro first_day_of_months(months) -%}
    cast(date_trunc('month', {{ latest_day() }}) - interval {{ months - 1 }} month as date)
{%- endmacro %}

{#- Last day of the last month that is over tonight, which may be tonight itself. -#}
{% macro last_day_of_complete_months() -%}
    cast(date_trunc('month', {{ last_complete_day() }} + 1) - interval 1 day as date)
{%- endmacro %}

{#- First day of this many months that are over. -#}
{% macro first_day_of_complete_months(months) -%}
    cast(date_trunc('month', {{ last_complete_day() }} + 1) - interval {{ months }} month as date)
{%- endmacro %}

{#-
    The reporting day of an instant kept in UTC; with `join_reporting_days` in the `from`. A join by the day
    of UTC and one comparison: a tenth of what converting every row takes.
-#}
{% macro reporting_date(instant, days='reporting_days') -%}
    case
        when {{ instant }} < {{ days }}.turns_at then {{ days }}.first_date
        else {{ days }}.last_date
    end
{%- endmacro %}

{% macro join_reporting_days(instant, days='reporting_days') -%}
    left join {{ ref('int_clocks__reporting_days') }} as {{ days }}
        on cast({{ instant }} as date) = {{ days }}.utc_date
{%- endmacro %}

{#-
    What day the reporting clock shows so long after the as-of date began in UTC. Asked while a model is
    compiled, when no table can be: of dbt's own zones, which `assert_the_night_is_on_the_reporting_clock`
    holds against the table's every night.
-#}
{% macro _on_reporting_clock(later) -%}
    {%- set began = modules.datetime.datetime.strptime(_as_of_text() | trim, '%Y-%m-%d') -%}
    {%- set instant = modules.pytz.utc.localize(began + later) -%}
    {{- require_reporting_time_zone() -}}
    {{ instant.astimezone(modules.pytz.timezone(var('reporting_time_zone'))).date() }}
{%- endmacro %}

{% macro require_reporting_time_zone() -%}
    {%- set zone = var('reporting_time_zone') -%}
    {%- if zone not in modules.pytz.all_timezones_set -%}
        {{ exceptions.raise_compiler_error(
            "The policy reporting_time_zone is '" ~ zone ~ "', which is no time zone; names are those of the "
            ~ "IANA database, such as Europe/Berlin"
        ) }}
    {%- endif -%}
{%- endmacro %}
