with

crm_records as (

    select
        customer_id,
        cast(date_trunc('month', opened_date) as date) as month_start_date,
        true as is_deal
    from {{ ref('fct_deals') }}
    where opened_at < {{ cutoff() }}
    union all
    select
        customer_id,
        cast(date_trunc('month', opened_date) as date) as month_start_date,
        false as is_deal
    from {{ ref('fct_tickets') }}
    where
        opened_at < {{ cutoff() }}
        and (
            is_reopened
            or first_response_hours > cast({{ var('slow_first_response_hours') }} as double)
        )

)

select
    customer_id,
    month_start_date,
    count(*) filter (where is_deal) as deal_count,
    count(*) filter (where not is_deal) as mishandled_ticket_count
from crm_records
where customer_id is not null
group by customer_id, month_start_date
