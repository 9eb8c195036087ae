{{ config(materialized='table') }}

with

mapped as (

    select
        contact_map.customer_id,
        contacts.source,
        contacts.is_record,
        contacts.is_record and not contacts.is_archived and not contacts.is_removed as is_living,
        contacts.email,
        contacts.created_at
    from {{ ref('int_identity__contact_map') }} as contact_map
    inner join {{ ref('int_identity__contacts') }} as contacts
        on
            contact_map.source = contacts.source
            and contact_map.source_record_id = contacts.source_record_id

),

customers as (

    select
        customer_id,
        min(created_at) as first_seen_at,
        count(*) as contact_count,
        bool_or(source = 'hubspot' and is_living) as has_crm_contact,
        bool_or(source = 'klaviyo' and is_living and email is not null) as has_mailing_profile,
        bool_or(source = 'shop' and is_living) as has_shop_account
    from mapped
    group by customer_id

),

crm as (

    select
        contact_map.customer_id,
        {{ survivor('owner_id') }} as owner_id,
        {{ survivor('lifecycle_stage') }} as lifecycle_stage,
        {{ survivor('language_code') }} as language_code,
        {{ survivor('country_code') }} as country_code,
        {{ survivor('age_band') }} as age_band,
        {{ survivor('income_band') }} as income_band,
        {{ survivor('household_size') }} as household_size,
        {{ survivor('household_composition') }} as household_composition,
        {{ survivor('home_ownership') }} as home_ownership,
        {{ survivor('marital_status') }} as marital_status,
        {{ survivor('kids_count') }} as kids_count
    from {{ ref('stg_hubspot__contacts') }} as contacts
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on contacts.contact_id = contact_map.source_record_id and contact_map.source = 'hubspot'
    group by contact_map.customer_id

)

select
    customers.customer_id,
    customers.first_seen_at,
    customers.contact_count,
    customers.has_crm_contact,
    customers.has_mailing_profile,
    customers.has_shop_account,
    crm.owner_id,
    crm.lifecycle_stage,
    crm.language_code,
    crm.country_code,
    crm.age_band,
    crm.income_band,
    crm.household_size,
    crm.household_composition,
    crm.home_ownership,
    crm.marital_status,
    crm.kids_count
from customers
left join crm on customers.customer_id = crm.customer_id
