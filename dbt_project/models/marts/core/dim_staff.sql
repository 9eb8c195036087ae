{{
    config(
        pre_hook="{{ note_days_of_changed(
            rows=ref('int_crm__staff'),
            key='owner_id',
            watch=['skills'],
            fact=ref('dim_customers'),
            day=as_of_date(),
        ) }}"
    )
}}

with

customers as (

    select
        owner_id,
        count(*) as customer_count
    from {{ ref('dim_customers') }}
    group by owner_id

),

deals as (

    select
        owner_id,
        count(*) as open_deal_count
    from {{ ref('fct_deals') }}
    where outcome = 'open'
    group by owner_id

),

tickets as (

    select
        owner_id,
        count(*) as open_ticket_count
    from {{ ref('fct_tickets') }}
    where not is_closed
    group by owner_id

)

select
    staff.owner_id,
    cast(staff.team as string) as team,
    staff.skills,
    not staff.is_archived as is_active,
    staff.created_at,
    cast(coalesce(customers.customer_count, 0) as bigint) as customer_count,
    cast(coalesce(deals.open_deal_count, 0) as bigint) as open_deal_count,
    cast(coalesce(tickets.open_ticket_count, 0) as bigint) as open_ticket_count
from {{ ref('int_crm__staff') }} as staff
left join customers on staff.owner_id = customers.owner_id
left join deals on staff.owner_id = deals.owner_id
left join tickets on staff.owner_id = tickets.owner_id
