{#-
    Clocks on the wall, of places near and far. All laws about them are in int_clocks__offsets; the
    engine's own zones are never asked.
-#}

{#- Every clock's offsets in force at any time from one date to another, whatever the zone. -#}
{% macro clocks_between(first_date, last_date) -%}
    select
        time_zone,
        valid_from,
        valid_to,
        local_from,
        local_to,
        offset_minutes
    from {{ ref('int_clocks__offsets') }}
    where
        valid_to > cast({{ first_date }} as timestamp) - interval 1 day
        and valid_from < cast({{ last_date }} as timestamp) + interval 2 day
{%- endmacro %}

{#-
    Condition of a join: the row of `clocks` that is in force in a zone at an instant in UTC. Equal
    zones make it a hash join; of a year each zone has three rows, so what follows costs little.
-#}
{% macro is_clock_at(clocks, time_zone, instant) -%}
    {{ clocks }}.time_zone = {{ time_zone }}
    and {{ clocks }}.valid_from <= {{ instant }}
    and {{ clocks }}.valid_to > {{ instant }}
{%- endmacro %}

{#-
    The same for a time on the wall. An hour that is left out in spring is taken an hour later; of an
    hour that comes twice in autumn, the second.
-#}
{% macro is_clock_showing(clocks, time_zone, local_time) -%}
    {{ clocks }}.time_zone = {{ time_zone }}
    and {{ clocks }}.local_from <= {{ local_time }}
    and {{ clocks }}.local_to > {{ local_time }}
{%- endmacro %}

{#- What the clock shows at an instant kept in UTC. -#}
{% macro local_time(instant, clocks) -%}
    ({{ instant }} + to_minutes({{ clocks }}.offset_minutes))
{%- endmacro %}

{#- The instant (UTC) at which the clock shows this. -#}
{% macro utc_time(local_time, clocks) -%}
    ({{ local_time }} - to_minutes({{ clocks }}.offset_minutes))
{%- endmacro %}
