-- A window that cannot be read would silently hold back everybody.
with

hours as (

    {{ hours_read(ref('int_segments__definitions'), send_window_hours('send_window')) }}

),

weekdays as (

    {{ weekdays_read(ref('int_segments__definitions'), send_window_weekdays('send_window')) }}

)

select definitions.segment
from {{ ref('int_segments__definitions') }} as definitions
left join hours
    on {{ send_window_hours('definitions.send_window') }} = hours.text
left join weekdays
    on {{ send_window_weekdays('definitions.send_window') }} = weekdays.text
where hours.hours = 0 or weekdays.weekdays = 0
