{{ config(post_hook="{{ note_customers_of_changed(['owner_id']) }}") }}

with

customers as (

    select * from {{ ref('int_identity__customers') }}

),

orders as (

    select
        customer_id,
        min(order_date) as first_order_date,
        max(order_date) as last_order_date,
        count(*) as order_count
    from {{ ref('fct_orders') }}
    where is_kept
    group by customer_id

)

select
    customers.customer_id,
    customers.first_seen_at,
    {{ reporting_date('customers.first_seen_at') }} as first_seen_date,
    orders.first_order_date,
    orders.last_order_date,
    cast(coalesce(orders.order_count, 0) as bigint) as order_count,
    customers.lifecycle_stage,
    customers.owner_id,
    memberships.company_id,
    customers.language_code,
    customers.country_code,
    customers.age_band,
    customers.income_band,
    customers.household_size,
    customers.household_composition,
    customers.home_ownership,
    customers.marital_status,
    customers.kids_count,
    cast(customers.contact_count as bigint) as contact_count,
    customers.has_crm_contact,
    customers.has_mailing_profile,
    customers.has_shop_account,
    coalesce(
        preferences.email_consent = 'granted' and preferences.is_email_deliverable, false
    ) as has_email_consent
from customers
left join orders on customers.customer_id = orders.customer_id
{{ join_reporting_days('customers.first_seen_at') }}
left join {{ ref('int_crm__memberships') }} as memberships
    on customers.customer_id = memberships.customer_id
left join {{ ref('dim_preferences') }} as preferences
    on customers.customer_id = preferences.customer_id
