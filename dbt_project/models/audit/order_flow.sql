with

days as (

    select
        order_date,
        count(*) as order_count
    from {{ ref('fct_orders') }}
    where order_date > {{ last_complete_day() }} - interval 64 day
    group by order_date

),

-- The same weekday of the eight weeks before: orders have a rhythm of the week.
usual as (

    select coalesce(median(coalesce(days.order_count, 0)), 0) as order_count
    from (
        values
        {% for weeks in range(1, 9) %}
        ({{ 7 * weeks }}){{ ',' if not loop.last }}
        {% endfor %}
    ) as weeks (age_days)
    left join days on days.order_date = {{ last_complete_day() }} - weeks.age_days

),

newest as (

    select max(order_date) as order_date from {{ ref('fct_orders') }}

),

tonight as (

    select count(*) as order_count
    from {{ ref('fct_orders') }}
    where order_date = {{ last_complete_day() }}

)

select
    cast({{ as_of_date() }} as string) as night,
    -- none at all is an empty shop: the source gate has it from the shop itself
    coalesce(
        {{ day_number(latest_day()) }} - {{ day_number('newest.order_date') }}, 0
    ) as newest_order_age_days,
    tonight.order_count,
    -- a shop of two orders a day has days of none
    case
        when abs(tonight.order_count - usual.order_count) > 3 * sqrt(usual.order_count)
            then coalesce(tonight.order_count / nullif(usual.order_count, 0), 1)
        else 1
    end as share_of_usual_day
from usual
cross join newest
cross join tonight
