-- What the models are fitted on: everything, and what lies before the days held out.
with

seen as (

    select min(purchase_date) as first_date from {{ ref('int_value__purchases') }}

)

select
    'whole' as span,
    {{ latest_day() }} as last_date,
    cast(90 as bigint) as ahead_days
union all
select
    'calibration' as span,
    {{ latest_day() }} - {{ var('value_holdout_days') }} as last_date,
    cast({{ var('value_holdout_days') }} as bigint) as ahead_days
from seen
where first_date <= {{ latest_day() }} - {{ 2 * var('value_holdout_days') }}
