with

customers as (

    select
        company_id,
        count(*) as customer_count
    from {{ ref('dim_customers') }}
    group by company_id

),

deals as (

    select
        company_id,
        count(*) as deal_count,
        count(*) filter (where outcome = 'open') as open_deal_count,
        count(*) filter (where outcome = 'won') as won_deal_count,
        count(*) filter (
            where outcome = 'won' and reporting_rate is null
        ) as other_currency_deal_count,
        sum(reporting_deal_amount) filter (where outcome = 'won') as won_deal_amount
    from {{ ref('fct_deals') }}
    group by company_id

),

tickets as (

    select
        company_id,
        count(*) as ticket_count,
        count(*) filter (where not is_closed) as open_ticket_count
    from {{ ref('fct_tickets') }}
    group by company_id

)

select
    companies.company_id,
    companies.owner_id,
    companies.industry,
    companies.country_code,
    companies.lifecycle_stage,
    cast(companies.employee_count as bigint) as employee_count,
    {{ reporting_currency() }} as currency_code,
    companies.annual_revenue_amount,
    companies.created_at,
    cast(coalesce(customers.customer_count, 0) as bigint) as customer_count,
    cast(coalesce(deals.deal_count, 0) as bigint) as deal_count,
    cast(coalesce(deals.open_deal_count, 0) as bigint) as open_deal_count,
    cast(coalesce(deals.won_deal_count, 0) as bigint) as won_deal_count,
    cast(coalesce(deals.other_currency_deal_count, 0) as bigint) as other_currency_deal_count,
    cast(coalesce(deals.won_deal_amount, 0) as decimal(18, 3)) as won_deal_amount,
    cast(coalesce(tickets.ticket_count, 0) as bigint) as ticket_count,
    cast(coalesce(tickets.open_ticket_count, 0) as bigint) as open_ticket_count
from {{ ref('canonical_companies') }} as companies
left join customers on companies.company_id = customers.company_id
left join deals on companies.company_id = deals.company_id
left join tickets on companies.company_id = tickets.company_id
where not companies.is_deleted
