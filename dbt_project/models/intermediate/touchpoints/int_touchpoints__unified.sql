with

touchpoints as (

    select * from {{ ref('int_touchpoints__klaviyo') }}
    union all
    select * from {{ ref('int_touchpoints__shop') }}

)

select
    *,
    cast(occurred_at as date) as touchpoint_date
from touchpoints
