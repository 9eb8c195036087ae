{#-
    Minutes by which each time zone is ahead of UTC, hour by hour: a join against this costs a
    fraction of converting every row. `zones` has names that the engine knows.
-#}
{% macro zone_shifts(zones, first_date, last_date) -%}
    select
        zones.time_zone,
        hours.hour_at,
        date_diff(
            'minute', hours.hour_at, hours.hour_at at time zone 'UTC' at time zone zones.time_zone
        ) as shift_minutes
    from {{ zones }} as zones
    cross join (
        select unnest(
            generate_series(
                cast({{ first_date }} as timestamp),
                cast({{ last_date }} as timestamp) + interval 23 hour,
                interval 1 hour
            )
        ) as hour_at
    ) as hours
{%- endmacro %}
