with

counted as (

    select coalesce(sum(marketing_contact_count_365d), 0) as contact_count
    from {{ ref('dim_contact_pressure') }}

),

happened as (

    select count(*) as contact_count
    from {{ ref('fct_touchpoints') }}
    where is_marketing_contact and touchpoint_date > {{ as_of_date() }} - interval 365 day

)

select
    counted.contact_count as counted_count,
    happened.contact_count as happened_count
from counted
cross join happened
where counted.contact_count <> happened.contact_count
