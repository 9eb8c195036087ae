-- What is left out of every amount: orders of the last 365 days, and deals opened in them, in a currency without a
-- rate for their month.
with

months as (

    select
        currency_code,
        reporting_rate,
        order_count,
        sales_amount,
        reporting_sales_amount,
        -- without a rate of the month, the latest of the currency says about how much it is
        coalesce(
            reporting_rate,
            max_by(reporting_rate, case when reporting_rate is not null then month_date end)
                over (partition by currency_code)
        ) as about_rate
    from {{ ref('rpt_currency_months') }}
    where month_date > {{ latest_day() }} - interval 365 day

),

summed as (

    select
        sum(order_count) as order_count,
        coalesce(sum(order_count) filter (where reporting_rate is null), 0) as left_out_order_count,
        sum({{ at_rate('sales_amount', 'about_rate') }}) as about_amount,
        coalesce(sum({{ at_rate('sales_amount', 'about_rate') }}) filter (where reporting_rate is null), 0)
            as left_out_about_amount
    from months

),

deals as (

    select
        count(*) as deal_count,
        count(*) filter (where reporting_rate is null) as left_out_deal_count
    from {{ ref('fct_deals') }}
    where opened_date > {{ latest_day() }} - interval 365 day

)

select
    reporting.currency_code as reporting_currency_code,
    coalesce(summed.order_count, 0) as order_count,
    summed.left_out_order_count,
    coalesce(cast(summed.left_out_order_count as double) / nullif(summed.order_count, 0), 0)
        as left_out_order_share,
    coalesce(
        cast(summed.left_out_about_amount as double) / nullif(cast(summed.about_amount as double), 0), 0
    ) as left_out_sales_share,
    greatest(left_out_order_share, left_out_sales_share)
    <= {{ var('currency_most_left_out_share') }}e0 as is_little_left_out,
    deals.deal_count,
    deals.left_out_deal_count,
    coalesce(cast(deals.left_out_deal_count as double) / nullif(deals.deal_count, 0), 0)
        as left_out_deal_share,
    left_out_deal_share <= {{ var('currency_most_left_out_share') }}e0 as is_little_of_deals_left_out,
    coalesce(summed.order_count, 0) = 0 or reporting.currency_code <> 'XXX' as is_known
from summed
cross join deals
cross join {{ ref('int_orders__reporting_currency') }} as reporting
