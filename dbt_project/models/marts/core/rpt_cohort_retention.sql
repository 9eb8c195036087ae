{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_date', 'has_reporting_currency': true},
        pre_hook="{{ find_cohort_months(ref('fct_orders'), ref('dim_customers')) }}"
    )
}}

with

-- A customer who ordered five times in a month was there once; who only brought something back was not.
customer_months as (

    select
        customer_id,
        cast(date_trunc('month', order_date) as date) as order_month_date,
        count(*) filter (where is_kept) as order_count,
        count(*) filter (where is_kept and reporting_sales_amount is null) as other_currency_order_count,
        sum(reporting_sales_amount) as sales_amount
    from {{ ref('fct_orders') }}
    {% if is_incremental() %}
    where {{ is_in_touched_month('order_date') }}
    {% endif %}
    group by customer_id, order_month_date

),

-- What lies before the first order that was kept, or has none beside it, is of no cohort.
placed as (

    select
        customer_months.*,
        case
            when customer_months.customer_id is null then 'guests'
            when
                cast(date_trunc('month', customers.first_order_date) as date)
                <= customer_months.order_month_date
                then 'cohort'
            else 'no_cohort'
        end as buyers,
        customers.first_order_date
    from customer_months
    left join {{ ref('dim_customers') }} as customers
        on customer_months.customer_id = customers.customer_id

),

counted as (

    select
        buyers,
        case
            when buyers = 'cohort' then cast(date_trunc('month', first_order_date) as date)
        end as cohort_month_date,
        order_month_date as month_date,
        count(customer_id) filter (where order_count > 0) as customer_count,
        sum(order_count) as order_count,
        sum(other_currency_order_count) as other_currency_order_count,
        sum(sales_amount) as sales_amount
    from placed
    group by buyers, cohort_month_date, month_date

),

cohorts as (

    select
        cast(date_trunc('month', first_order_date) as date) as cohort_month_date,
        count(*) as cohort_customer_count
    from {{ ref('dim_customers') }}
    where first_order_date is not null
    group by cohort_month_date

),

-- Every month up to the latest day is there, one in which nobody came back too; of guests those in
-- which there were any.
months as (

    select
        'cohort' as buyers,
        cohort_month_date,
        cohort_customer_count,
        {{ series_of_months('cohort_month_date', first_day_of_months(1)) }} as month_date
    from cohorts
    union all
    select
        buyers,
        cohort_month_date,
        0 as cohort_customer_count,
        month_date
    from counted
    where buyers <> 'cohort'

)

select
    cast(months.buyers as string) as buyers,
    months.cohort_month_date,
    {{ months_between('months.cohort_month_date', 'months.month_date') }} as months_since,
    months.month_date,
    -- the month of the latest day is still running, unless that is its last day and whole
    months.month_date <= {{ last_day_of_complete_months() }} as is_month_over,
    cast(months.cohort_customer_count as bigint) as cohort_customer_count,
    cast(coalesce(counted.customer_count, 0) as bigint) as customer_count,
    cast(coalesce(counted.order_count, 0) as bigint) as order_count,
    cast(coalesce(counted.other_currency_order_count, 0) as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(coalesce(counted.sales_amount, 0) as decimal(18, 3)) as sales_amount,
    {{
        ratio('coalesce(counted.customer_count, 0)', 'months.cohort_customer_count')
    }} as retained_share
from months
left join counted
    on
        months.buyers = counted.buyers
        and months.cohort_month_date is not distinct from counted.cohort_month_date
        and months.month_date = counted.month_date
{% if is_incremental() %}
where months.month_date in (select touched.month_date from {{ touched_days() }} as touched)
{% endif %}
