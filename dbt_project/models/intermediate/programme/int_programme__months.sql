{{ config(materialized='table') }}

select
    cast(month_start as date) as month_start_date,
    cast(month_start + interval 1 month as date) as next_month_start_date
from (
    select unnest(
        generate_series(
            cast({{ first_day_of_months(var('programme_months')) }} as timestamp),
            cast({{ latest_day() }} as timestamp),
            interval 1 month
        )
    ) as month_start
) as series
