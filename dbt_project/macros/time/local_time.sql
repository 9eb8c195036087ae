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
        offset_minutes
    from {{ ref('int_clocks__offsets') }}
    where
        valid_to > cast({{ first_date }} as timestamp) - interval 1 day
        and valid_from < cast({{ last_date }} as timestamp) + interval 2 day
{%- endmacro %}

{#-
    Condition of a join: the row of `clocks` that is in force in a zone at an instant in UTC. Equal
    zones make it a hash join; of a year each zone has three rows, so what follows costs little. Where
    the zone is a third table's, join from the left: of three inner joins the engine may take that of
    instants and periods first, which is every instant with every zone.
-#}
{% macro is_clock_at(clocks, time_zone, instant) -%}
    {{ clocks }}.time_zone = {{ time_zone }}
    and {{ clocks }}.valid_from <= {{ instant }}
    and {{ clocks }}.valid_to > {{ instant }}
{%- endmacro %}

{#- What the clock shows at an instant kept in UTC. -#}
{% macro local_time(instant, clocks) -%}
    {{ minutes_later(instant, clocks ~ '.offset_minutes') }}
{%- endmacro %}

{#- The instant (UTC) at which a clock that is so far ahead shows this. -#}
{% macro utc_time(local_time, clocks) -%}
    {{ minutes_later(local_time, '-' ~ clocks ~ '.offset_minutes') }}
{%- endmacro %}
