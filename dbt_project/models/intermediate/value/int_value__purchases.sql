-- One row per customer and day on which they bought: several orders of a day are one decision to buy.
with

days as (

    select
        customer_id,
        order_date as purchase_date,
        -- of a day of which an amount is not known, none is
        case
            when count(*) = count(reporting_sales_amount) then nullif(sum(reporting_sales_amount), 0)
        end as amount
    from {{ ref('fct_orders') }}
    where
        is_kept
        and customer_id is not null
        and order_date <= {{ latest_day() }}
        and sales_amount >= cast({{ var('value_least_purchase_amount') }} as decimal(18, 3))
    group by customer_id, order_date

)

select
    customer_id,
    purchase_date,
    amount,
    min(purchase_date) over (partition by customer_id) as first_date
from days
