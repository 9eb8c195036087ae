{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_date'},
        pre_hook="{{ find_cohort_months(ref('fct_orders'), ref('dim_customers')) }}"
    )
}}

with

-- A customer who ordered five times in a month was there once.
customer_months as (

    select
        customer_id,
        cast(date_trunc('month', order_date) as date) as order_month_date,
        count(*) as order_count,
        count(*) filter (
            where currency_code <> '{{ var("reporting_currency") }}'
        ) as other_currency_order_count,
        sum(sales_amount) filter (
            where currency_code = '{{ var("reporting_currency") }}'
        ) as sales_amount
    from {{ ref('fct_orders') }}
    {% if is_incremental() %}
    where {{ is_in_touched_month('order_date') }}
    {% endif %}
    group by customer_id, order_month_date

),

counted as (

    select
        cast(date_trunc('month', customers.first_order_date) as date) as cohort_month_date,
        customer_months.order_month_date as month_date,
        count(*) as customer_count,
        sum(customer_months.order_count) as order_count,
        sum(customer_months.other_currency_order_count) as other_currency_order_count,
        sum(customer_months.sales_amount) as sales_amount
    from customer_months
    inner join {{ ref('dim_customers') }} as customers
        on customer_months.customer_id = customers.customer_id
    group by cohort_month_date, month_date

),

cohorts as (

    select
        cast(date_trunc('month', first_order_date) as date) as cohort_month_date,
        count(*) as cohort_customer_count
    from {{ ref('dim_customers') }}
    where first_order_date is not null
    group by cohort_month_date

),

-- Every month up to the latest day is there, one in which nobody came back too.
months as (

    select
        *,
        cast(
            unnest(generate_series(cohort_month_date, {{ latest_day() }}, interval 1 month)) as date
        ) as month_date
    from cohorts

)

select
    months.cohort_month_date,
    date_diff('month', months.cohort_month_date, months.month_date) as months_since,
    months.month_date,
    -- the month of the latest day is still running, unless that is its last day and whole
    months.month_date <= {{ last_day_of_complete_months() }} as is_month_over,
    cast(months.cohort_customer_count as bigint) as cohort_customer_count,
    cast(coalesce(counted.customer_count, 0) as bigint) as customer_count,
    cast(coalesce(counted.order_count, 0) as bigint) as order_count,
    cast(coalesce(counted.other_currency_order_count, 0) as bigint) as other_currency_order_count,
    cast('{{ var("reporting_currency") }}' as varchar) as currency_code,
    cast(coalesce(counted.sales_amount, 0) as decimal(18, 2)) as sales_amount,
    {{
        ratio('coalesce(counted.customer_count, 0)', 'months.cohort_customer_count')
    }} as retained_share
from months
left join counted
    on
        months.cohort_month_date = counted.cohort_month_date
        and months.month_date = counted.month_date
{% if is_incremental() %}
where months.month_date in (select touched.month_date from {{ touched_days() }} as touched)
{% endif %}
