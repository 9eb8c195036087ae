{{ config(materialized='table') }}

with

clock as (

    select
        valid_from,
        valid_to,
        offset_minutes
    from {{ ref('int_clocks__offsets') }}
    where time_zone = {{ sql_text(var('reporting_time_zone')) }}

),

-- From the day before the first, which still runs on clocks behind UTC, to the day after the last.
dates as (

    select {{ series_of_days('first_date', 'last_date') }} as calendar_date
    from (
        select
            cast(min(valid_from) as date) - 1 as first_date,
            cast(max(valid_to) as date) as last_date
        from clock
    ) as known

),

-- A day begins at the first instant at which the clock shows it or a later one, so that none
-- begins twice where the clock is put back over midnight. Where one was left out, the next begins
-- in its place.
begun as (

    select
        begins_at,
        max(reporting_date) as reporting_date
    from (
        select
            dates.calendar_date as reporting_date,
            min(
                greatest(
                    clock.valid_from,
                    {{ utc_time('cast(dates.calendar_date as timestamp)', 'clock') }}
                )
            ) as begins_at
        from dates
        inner join clock
            on clock.valid_to > {{ utc_time('cast(dates.calendar_date as timestamp)', 'clock') }}
        group by dates.calendar_date
    ) as every_day
    group by begins_at

),

-- What begins with a day of UTC, and what begins later in it.
turning as (

    select
        dates.calendar_date as utc_date,
        max(begun.reporting_date) filter (
            where begun.begins_at = dates.calendar_date
        ) as date_at_once,
        min(begun.begins_at) filter (where begun.begins_at > dates.calendar_date) as turns_at,
        max(begun.reporting_date) as last_begun_date
    from dates
    left join begun on dates.calendar_date = cast(begun.begins_at as date)
    group by dates.calendar_date

),

carried as (

    select
        *,
        max(last_begun_date) over (
            order by utc_date nulls last rows between unbounded preceding and current row
        ) as last_date
    from turning

),

days as (

    select
        utc_date,
        coalesce(date_at_once, lag(last_date) over (order by utc_date nulls last)) as first_date,
        coalesce(turns_at, cast(utc_date + 1 as timestamp)) as turns_at,
        last_date
    from carried

)

select
    utc_date,
    first_date,
    turns_at,
    last_date
from days
where
    first_date is not null
    and cast(utc_date as timestamp) < (select max(clock.valid_to) from clock)
