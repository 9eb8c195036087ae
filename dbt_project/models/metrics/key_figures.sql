-- The firm in a few figures. The report, Postgres and every dashboard read them here; nobody counts them again.
with

customers as (

    select
        count(*) as customers,
        count(*) filter (where wants_relationship = 'yes') as seek,
        count(*) filter (where wants_relationship = 'no' and wants_basis = 'declared') as refuse,
        count(*) filter (where wants_relationship = 'no' and wants_basis = 'inferred') as seem_to_refuse,
        count(*) filter (where polarity = 'negative') as unhappy,
        count(*) filter (where polarity <> 'unknown') as told,
        count(*) filter (where relationship_type = 'unknown') as of_unknown_type,
        count(*) filter (where mismatch_reason is not null) as mismatched
    from {{ ref('dim_customer_relationships') }}

),

pressed as (

    select
        count(*) filter (where saturation = 'oversaturated') as over_contacted,
        count(saturation) as customers
    from {{ ref('dim_contact_pressure') }}

),

consents as (

    select
        count(*) filter (where email_consent = 'withdrawn') as opted_out,
        count(*) as customers
    from {{ ref('dim_preferences') }}

),

orders as (

    select
        count(*) filter (where is_kept) as orders,
        count(distinct customer_id) filter (where is_kept) as customers,
        coalesce(sum(reporting_sales_amount), 0) as sales
    from {{ ref('fct_orders') }}
    where order_date > {{ last_complete_day() }} - 28 and order_date <= {{ last_complete_day() }}

),

members as (

    select count(distinct customer_id) as customers
    from {{ ref('segment_members') }}

),

currency as (

    select max(currency_code) as currency_code
    from {{ ref('rpt_channel_months') }}

),

-- A share is counted and what it is of; a figure that is none is of nothing.
figures as (

    select 'customers' as figure, 'count' as unit, customers as counted, null as counted_of, null as amount
    from customers
    {% if is_told('shop.orders') %}
    union all
    select 'active_customers_28d', 'count', customers, null, null
    from orders
    union all
    select 'orders_28d', 'count', orders, null, null
    from orders
    union all
    select 'net_sales_28d', 'amount', null, null, sales
    from orders
    {% endif %}
    union all
    select 'segment_members', 'count', customers, null, null
    from members
    union all
    select 'want_a_relationship', 'share', seek, customers, null
    from customers
    union all
    select 'said_they_want_none', 'share', refuse, customers, null
    from customers
    union all
    select 'seem_to_want_none', 'share', seem_to_refuse, customers, null
    from customers
    {% if is_told('klaviyo.events or hubspot.email_events') %}
    union all
    select 'over_contacted', 'share', over_contacted, customers, null
    from pressed
    {% endif %}
    union all
    select 'opted_out_of_email', 'share', opted_out, customers, null
    from consents
    union all
    select 'mismatched', 'share', mismatched, customers, null
    from customers
    union all
    select 'unhappy', 'share', unhappy, told, null
    from customers
    union all
    select 'of_unknown_type', 'share', of_unknown_type, customers, null
    from customers

)

select
    cast(figures.figure as string) as figure,
    cast(figures.unit as string) as unit,
    round(
        (
            case figures.unit
                when 'count' then cast(figures.counted as double)
                when 'share' then cast(figures.counted as double) / nullif(figures.counted_of, 0)
                else cast(figures.amount as double)
            end
        ) * 1e6
    ) / 1e6 as figure_value,
    cast(figures.counted as bigint) as counted,
    cast(figures.counted_of as bigint) as counted_of,
    cast(case when figures.unit = 'amount' then currency.currency_code end as string) as currency_code,
    {{ as_of_date() }} as as_of_date
from figures
cross join currency
