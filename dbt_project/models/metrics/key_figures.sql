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

counts as (

    select
        'customers' as figure,
        customers as counted
    from customers
    {% if is_told('shop.orders') %}
    union all
    select
        'active_customers_28d' as figure,
        customers as counted
    from orders
    union all
    select
        'orders_28d' as figure,
        orders as counted
    from orders
    {% endif %}
    union all
    select
        'segment_members' as figure,
        customers as counted
    from members

),

-- A share is counted and what it is of.
shares as (

    {% for figure, counted in [
        ('want_a_relationship', 'seek'),
        ('said_they_want_none', 'refuse'),
        ('seem_to_want_none', 'seem_to_refuse'),
        ('mismatched', 'mismatched'),
        ('of_unknown_type', 'of_unknown_type'),
    ] %}
    select
        '{{ figure }}' as figure,
        {{ counted }} as counted,
        customers as counted_of
    from customers
    union all
    {% endfor %}
    select
        'unhappy' as figure,
        unhappy as counted,
        told as counted_of
    from customers
    {% if is_told('klaviyo.events or hubspot.email_events') %}
    union all
    select
        'over_contacted' as figure,
        over_contacted as counted,
        customers as counted_of
    from pressed
    {% endif %}
    union all
    select
        'opted_out_of_email' as figure,
        opted_out as counted,
        customers as counted_of
    from consents

),

figures as (

    select
        figure,
        'count' as unit,
        counted,
        cast(null as bigint) as counted_of,
        cast(null as decimal(38, 3)) as amount
    from counts
    union all
    select
        figure,
        'share' as unit,
        counted,
        counted_of,
        cast(null as decimal(38, 3)) as amount
    from shares
    {% if is_told('shop.orders') %}
    union all
    select
        'net_sales_28d' as figure,
        'amount' as unit,
        cast(null as bigint) as counted,
        cast(null as bigint) as counted_of,
        sales as amount
    from orders
    {% endif %}

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
