-- What response curves and verdicts rest on, against what it was added up from, day by day.
with

exposures as (

    select
        exposure_date,
        count(*) as exposure_count,
        count(*) filter (where has_opt_out) as opt_out_count
    from {{ ref('fct_contact_exposures') }}
    group by exposure_date

),

days as (

    select
        exposure_date,
        sum(exposure_count) as exposure_count,
        sum(opt_out_count) as opt_out_count
    from {{ ref('fct_exposure_days') }}
    group by exposure_date

)

select
    coalesce(exposures.exposure_date, days.exposure_date) as exposure_date,
    exposures.exposure_count,
    days.exposure_count as added_up_count
from exposures
full outer join days on exposures.exposure_date = days.exposure_date
where
    exposures.exposure_count is distinct from days.exposure_count
    or exposures.opt_out_count is distinct from days.opt_out_count
