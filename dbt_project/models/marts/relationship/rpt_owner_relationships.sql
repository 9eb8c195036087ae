with

customers as (

    select
        customers.owner_id,
        count(*) as customer_count,
        count(*) filter (where relationships.wants_relationship = 'yes') as seeking_customer_count,
        count(*) filter (where relationships.has_human_desk) as human_desk_customer_count,
        count(*) filter (
            where 'strained' in (relationships.relationship_type, relationships.inferred_type)
        ) as strained_customer_count,
        round(
            {{ exact_sum('relationships.owner_continuity', 6) }} / count(relationships.owner_continuity) * 1e6
        ) / 1e6 as owner_continuity,
        count(relationships.owner_continuity) as continuity_customer_count,
        sum(relationships.human_touch_count_12m) as human_touch_count_12m
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('dim_customer_relationships') }} as relationships
        on customers.customer_id = relationships.customer_id
    where customers.owner_id is not null
    group by customers.owner_id

),

tickets as (

    select
        owner_id,
        count(*) filter (where first_response_hours is not null) as answered_ticket_count_365d,
        median(first_response_hours) as median_first_response_hours
    from {{ ref('fct_tickets') }}
    where opened_at >= {{ cutoff() }} - interval 365 day and opened_at < {{ cutoff() }}
    group by owner_id

)

select
    staff.owner_id,
    {{ as_of_date() }} as as_of_date,
    cast(staff.team as string) as team,
    staff.is_active,
    cast(coalesce(customers.customer_count, 0) as bigint) as customer_count,
    cast(
        coalesce(customers.customer_count, 0) / {{ var('owner_capacity') }} as double
    ) as load_share,
    cast(coalesce(customers.seeking_customer_count, 0) as bigint) as seeking_customer_count,
    cast(coalesce(customers.human_desk_customer_count, 0) as bigint) as human_desk_customer_count,
    cast(coalesce(customers.human_touch_count_12m, 0) as bigint) as human_touch_count_12m,
    cast(customers.owner_continuity as double) as owner_continuity,
    cast(coalesce(customers.continuity_customer_count, 0) as bigint) as continuity_customer_count,
    cast(coalesce(tickets.answered_ticket_count_365d, 0) as bigint) as answered_ticket_count_365d,
    cast(tickets.median_first_response_hours as double) as median_first_response_hours,
    cast(coalesce(customers.strained_customer_count, 0) as bigint) as strained_customer_count,
    list_contains(staff.skills, {{ sql_text(var('strained_skill')) }}) as has_strained_skill,
    cast(
        case
            when list_contains(staff.skills, {{ sql_text(var('strained_skill')) }}) then 0
            else coalesce(customers.strained_customer_count, 0)
        end as bigint
    ) as unskilled_strained_customer_count
from {{ ref('dim_staff') }} as staff
left join customers on staff.owner_id = customers.owner_id
left join tickets on staff.owner_id = tickets.owner_id
