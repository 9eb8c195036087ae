select
    counted.contact_count,
    happened.contact_count as happened_count
from (
    select sum(marketing_contact_count_365d) as contact_count from {{ ref('dim_contact_pressure') }}
) as counted
cross join (
    select count(*) as contact_count
    from {{ ref('fct_touchpoints') }}
    where is_marketing_contact and touchpoint_date > {{ as_of_date() }} - interval 365 day
) as happened
where coalesce(counted.contact_count, 0) <> happened.contact_count
