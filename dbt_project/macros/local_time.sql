{#-
    Minutes by which each time zone is ahead of UTC, hour by hour: a join against this costs a
    fraction of converting every row. `zones` has names that the engine knows, and their numbers.
-#}
{% macro zone_shifts(zones, first_date, last_date) -%}
    select
        {{ shift_key('zones.zone_number', 'hours.hour_at') }} as shift_key,
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

{#-
    Zone and hour in one number: with two columns the engine joins the hours first, to every zone
    at once.
-#}
{% macro shift_key(zone_number, instant) -%}
    ({{ zone_number }} * 10000000 + epoch_us({{ instant }}) // 3600000000)
{%- endmacro %}
