{#-
    When somebody may be written to: hours of the day and days of the week, as they said it, as a set
    of bits, and as lists for people to read.
-#}

{% macro weekday_names() -%}
    {{ return(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']) }}
{%- endmacro %}

{#-
    Every text of a column with the hours of the day that lie wholly within what it says: bit 0 of
    `hours` is the hour from midnight. What cannot be read wholly allows no hour and is unreadable.

    Read are stretches with ; or , between them: 9-17, 09:00-17:30, 8.30 to 12, 9am-5pm, 22-6. Minutes
    narrow to whole hours and never widen: 8:30-12:00 is from 9 to 12. Without am and pm it is the clock
    of 24 hours, and a night begins in the afternoon: 9-5 is not known to run over midnight, nor to end
    at five in the afternoon, so it is not read.
-#}
{% macro hours_read(rows, column) -%}
    {% set time = '(\\d{1,2})(?:[:.h]([0-5]\\d)|h)?\\s*(?:([ap])\\.?m\\.?)?' %}
    {% set stretch = '\\s*' ~ time ~ '\\s*(?:-|–|—|to|bis)\\s*' ~ time ~ '\\s*' %}
    select
        text,
        case when count(*) = count(hours) then bit_or(hours) else 0 end as hours,
        count(*) > count(hours) as is_unreadable
    from (
        select
            text,
            case
                -- am or pm at one end only says nothing of the other
                when not is_stretch or (half_from = '') <> (half_until = '') then null
                when half_from <> '' and not (hour_from between 1 and 12 and hour_until between 1 and 12)
                    then null
                when minute_from >= 1440 or minute_until > 1440 then null
                when minute_from < minute_until
                    then greatest((1 << end_hour) - (1 << first_hour), 0)
                when minute_from = minute_until then null
                -- until midnight, or through the night
                when minute_until = 0 or minute_from >= 780
                    then (1 << 24) - (1 << first_hour) + (1 << end_hour) - 1
            end as hours
        from (
            select
                *,
                {% for side in ['from', 'until'] %}
                case half_{{ side }}
                    when '' then hour_{{ side }}
                    when 'a' then hour_{{ side }} % 12
                    else hour_{{ side }} % 12 + 12
                end * 60 + past_{{ side }} as minute_{{ side }},
                {% endfor %}
                cast(ceil(minute_from / 60e0) as integer) as first_hour,
                cast(floor(minute_until / 60e0) as integer) as end_hour
            from (
                select
                    text,
                    {{ matches('part', stretch) }} as is_stretch,
                    {% for side in ['from', 'until'] %}
                    {% for name in ['hour', 'past'] %}
                    coalesce(
                        try_cast(
                            {{ extracted('part', stretch, loop.index + (3 if side == 'until' else 0)) }} as integer
                        ),
                        0
                    ) as {{ name }}_{{ side }},
                    {% endfor %}
                    {{ extracted('part', stretch, 3 * loop.index) }} as half_{{ side }}
                    {{- ',' if not loop.last }}
                    {% endfor %}
                from (
                    {{ _parts_of(rows, column, '\\s*[;,][;,\\s]*') }}
                ) as parts
            ) as opened
        ) as timed
    ) as stretches
    group by text
{%- endmacro %}

{#-
    The same for days of the week, bit 0 of `weekdays` for Monday: English names and their
    abbreviations, ranges (mon-fri, also over Sunday), weekdays, weekend; with ; , or blanks between
    them. One thing that is no day, and no day at all is allowed.
-#}
{% macro weekdays_read(rows, column) -%}
    {% set day = '(mon(?:days?)?|tue(?:s|sdays?)?|wed(?:s|nesdays?)?|thu(?:rs?|rsdays?)?|fri(?:days?)?|sat(?:urdays?)?|sun(?:days?)?)' %}
    {% set range = day ~ '(?:\\s*(?:-|–|—|\\bto\\b|\\bbis\\b)\\s*' ~ day ~ ')?' %}
    select
        text,
        case when count(*) = count(weekdays) then bit_or(weekdays) else 0 end as weekdays,
        count(*) > count(weekdays) as is_unreadable
    from (
        select
            text,
            case
                when part in ('weekday', 'weekdays') then 31
                when part in ('weekend', 'weekends') then 96
                when not is_range then null
                when day_from <= day_until then (1 << (day_until + 1)) - (1 << day_from)
                else (1 << 7) - (1 << day_from) + (1 << (day_until + 1)) - 1
            end as weekdays
        from (
            select
                text,
                part,
                {{ matches('part', range) }} as is_range,
                {{ _day_number(extracted('part', range, 1)) }} as day_from,
                coalesce(
                    {{ _day_number("nullif(" ~ extracted('part', range, 2) ~ ", '')") }}, day_from
                ) as day_until
            from (
                {{ _parts_of(rows, column, '[;,\\s]+', glue='\\s*(?:-|–|—|\\bto\\b|\\bbis\\b)\\s*') }}
            ) as parts
        ) as opened
    ) as ranges
    group by text
{%- endmacro %}

{#- Place of a day in the week by the first letters of its name, from 0. -#}
{% macro _day_number(name) -%}
    cast((instr('{{ weekday_names() | join }}', left({{ name }}, 3)) - 1) / 3 as integer)
{%- endmacro %}

{#- What stands between separators, one row each, of every text of a column that says anything. -#}
{% macro _parts_of(rows, column, separators, glue=none) -%}
    {% set said = 'lower(' ~ trimmed('text', ' ;,') ~ ')' %}
    {% if glue %}
        {% set said = replaced(said, glue, '-') %}
    {% endif %}
                    select
                        text,
                        {{ unnested(split_text(replaced(said, separators, ';'), ';')) }} as part
                    from (select distinct {{ column }} as text from {{ rows }}) as texts
                    where {{ clean_text('text') }} is not null
{%- endmacro %}

{#- A set of hours or weekdays as a list; of nothing said null, of nothing allowed an empty one. -#}
{% macro hours_of(mask) -%}
    {{ _list_of_bits(mask, range(24), 'integer') }}
{%- endmacro %}

{% macro weekdays_of(mask) -%}
    {{ _list_of_bits(mask, weekday_names(), 'string') }}
{%- endmacro %}

{% macro _list_of_bits(mask, members, type) -%}
    {%- set found = [] %}
    {%- for member in members %}
        {%- set said = sql_text(member) if member is string else member %}
        {%- do found.append('case when (' ~ mask ~ ') & ' ~ 2 ** loop.index0 ~ ' <> 0 then ' ~ said ~ ' end') %}
    {%- endfor %}
    case
        when {{ mask }} is not null
            then
                cast({{ those_of(list_of(found), 'member', 'member is not null') }} as {{ list_type(type) }})
    end
{%- endmacro %}

{#- Hours and weekdays that hold for a customer: what they said, else what the policy says. -#}
{% macro hours_in_force(preferences) -%}
    {% set since, until = var('default_allowed_hours') %}
    {% set hours = [] %}
    {% for hour in range(since, until if until > since else until + 24) %}
        {% do hours.append(hour % 24) %}
    {% endfor %}
    coalesce({{ preferences }}.allowed_hours, {{ list_of(hours) }})
{%- endmacro %}

{% macro weekdays_in_force(preferences) -%}
    coalesce({{ preferences }}.allowed_weekdays, {{ list_of([sql_texts(weekday_names())]) }})
{%- endmacro %}

{#- The weekday of a local time, as the lists name it. -#}
{% macro weekday_of(local_time) -%}
    split_part('{{ weekday_names() | join(',') }}', ',', cast({{ iso_weekday(local_time) }} as integer))
{%- endmacro %}

{#-
    Last day of a pause that matters to the next seven days, so that few are told apart: the as-of date
    where there is none any more.
-#}
{% macro pause_in_force(preferences) -%}
    least(
        greatest(coalesce({{ preferences }}.pause_until_date, {{ as_of_date() }}), {{ as_of_date() }}),
        {{ as_of_date() }} + 7
    )
{%- endmacro %}

{#-
    The first stretch of time, after the night and in the seven days from tomorrow on their own clock, in which all hours
    and weekdays of a wish allow it and its pause is over. `wishes` has one row per wish: time_zone,
    paused_until_date, and the lists that `hours` and `weekdays` name. A wish that nothing meets is not
    in the result. Of an hour that comes twice, a stretch begins with the second; a day of 23 or 25
    hours is as long as it is, because the clock is asked quarter by quarter: every clock in the world
    is whole quarters of an hour from every other.
-#}
{% macro first_stretches(wishes, hours=['allowed_hours'], weekdays=['allowed_weekdays']) -%}
    {% set columns = ['time_zone', 'paused_until_date'] + hours + weekdays %}
    select
        {{ columns | join(',\n        ') }},
        min(begins_at) as from_at,
        max(ends_at) as until_at
    from (
        select
            *,
            sum(case when starts_at = ends_before then 0 else 1 end) over (
                partition by {{ columns | join(', ') }}
                order by starts_at nulls last
            ) as stretch
        from (
            select
                wishes.*,
                clock_hours.starts_at,
                clock_hours.begins_at,
                clock_hours.ends_at,
                lag(clock_hours.ends_at) over (
                    partition by wishes.{{ columns | join(', wishes.') }}
                    order by clock_hours.starts_at nulls last
                ) as ends_before
            from {{ wishes }} as wishes
            inner join ({{ _clock_hours(wishes) }}) as clock_hours
                on wishes.time_zone = clock_hours.time_zone
            where
                clock_hours.local_date > wishes.paused_until_date
                {% for column in hours %}
                and array_contains(wishes.{{ column }}, clock_hours.local_hour)
                {% endfor %}
                {% for column in weekdays %}
                and array_contains(wishes.{{ column }}, clock_hours.local_weekday)
                {% endfor %}
        ) as allowed
    ) as numbered
    where stretch = 1
    group by {{ columns | join(', ') }}
{%- endmacro %}

{#- Hour by hour of those seven days as the clocks of the wishes show them, and when it is (UTC). -#}
{% macro _clock_hours(wishes) -%}
    select
        time_zone,
        cast(wall_time as date) as local_date,
        cast(hour(wall_time) as integer) as local_hour,
        {{ weekday_of('cast(wall_time as date)') }} as local_weekday,
        min(quarter_at) as starts_at,
        coalesce(
            max(quarter_at) filter (where minute(wall_time) = 0), min(quarter_at)
        ) as begins_at,
        max(quarter_at) + interval 15 minute as ends_at
    from (
        select
            clocks.time_zone,
            quarters.quarter_at,
            {{ local_time('quarters.quarter_at', 'clocks') }} as wall_time
        from ({{ clocks_between(as_of_date(), as_of_date() ~ ' + 9') }}) as clocks
        inner join (
            select {{ minutes_later(cutoff(), '15 * numbers.quarter') }} as quarter_at
            from (select {{ series_of_numbers(0, 8 * 24 * 4) }} as quarter) as numbers
        ) as quarters
            on
                clocks.valid_from <= quarters.quarter_at
                and clocks.valid_to > quarters.quarter_at
        where clocks.time_zone in (select wishes.time_zone from {{ wishes }} as wishes)
    ) as shown
    where cast(wall_time as date) between {{ as_of_date() }} + 1 and {{ as_of_date() }} + 7
    group by time_zone, cast(wall_time as date), hour(wall_time)
{%- endmacro %}

{#- The two halves of a send window such as "Tue-Thu 10:00-18:00": hours begin with the first digit. -#}
{% macro send_window_hours(send_window) -%}
    nullif({{ extracted(send_window, '\\d.*$') }}, '')
{%- endmacro %}

{% macro send_window_weekdays(send_window) -%}
    nullif({{ trimmed(extracted(send_window, '^\\D*')) }}, '')
{%- endmacro %}
