{#-
    Clocks on the wall. DuckDB carries the time zones of the world in itself (ICU is built in), so
    both nights on which the clock is changed come out right without a table of ours.
-#}

{#- What the clock shows in a place, at an instant kept in UTC. -#}
{% macro local_time(utc_time, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_time }}))
{%- endmacro %}

{#-
    The instant (UTC) at which a clock in a place shows this. An hour that is left out in spring is
    taken an hour later; of an hour that comes twice in autumn, the second.
-#}
{% macro utc_time(local_time, time_zone) -%}
    timezone('UTC', timezone({{ time_zone }}, {{ local_time }}))
{%- endmacro %}

{#- A time zone that nobody knows is as good as none: asking for it would end the night. -#}
{% macro known_time_zones() -%}
    select name as time_zone from pg_timezone_names()
{%- endmacro %}

{#-
    Is this hour of her day outside those she allows? `from_hour` is the first hour she allows, `to_hour`
    the first one she does not (24 is midnight); 22 to 6 runs over midnight, equal hours are all day.
-#}
{% macro is_quiet_hour(local_hour, from_hour, to_hour) -%}
    case
        when {{ from_hour }} = {{ to_hour }} % 24 then false
        when {{ from_hour }} < {{ to_hour }}
            then {{ local_hour }} < {{ from_hour }} or {{ local_hour }} >= {{ to_hour }}
        else {{ local_hour }} < {{ from_hour }} and {{ local_hour }} >= {{ to_hour }}
    end
{%- endmacro %}
