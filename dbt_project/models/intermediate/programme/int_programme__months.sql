{{ config(materialized='table') }}

select
    month_start_date,
    cast(month_start_date + interval 1 month as date) as next_month_start_date
from (
    select {{ series_of_months(first_day_of_months(var('programme_months')), first_day_of_months(1)) }} as month_start_date
) as months
