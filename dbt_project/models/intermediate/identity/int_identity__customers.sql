{{ config(materialized='table', post_hook="{{ note_customers_of_changed(['customer_id']) }}") }}

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
        bool_or(source in {{ sources_with(['orders'], ['shop']) }} and is_living)
            as has_shop_account
    from mapped
    group by customer_id

),

-- Every tie is broken, so the order of rows decides nothing.
describing as (

    select
        contact_map.customer_id,
        contacts.owner_id,
        contacts.lifecycle_stage,
        contacts.language_code,
        contacts.country_code,
        contacts.age_band,
        contacts.income_band,
        contacts.household_size,
        contacts.household_composition,
        contacts.home_ownership,
        contacts.marital_status,
        contacts.kids_count,
        row_number() over (
            partition by contact_map.customer_id
            order by
                coalesce(contacts.is_archived or contacts.is_removed, false) asc nulls last,
                contacts.updated_at desc nulls last,
                contacts.created_at asc nulls last,
                contacts.contact_id asc nulls last,
                contacts.source asc nulls last
        ) as place
    from {{ ref('canonical_contacts') }} as contacts
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            contacts.source = contact_map.source
            and contacts.contact_id = contact_map.source_record_id
    where
        contacts.is_current
        -- most records of other sources say none of it, and are left out before they are read
        and coalesce(
            {% for column in [
                'owner_id', 'lifecycle_stage', 'language_code', 'country_code', 'age_band', 'income_band',
                'household_size', 'household_composition', 'home_ownership', 'marital_status',
                'kids_count',
            ] %}
            contacts.{{ column }}{{ ',' if not loop.last }}
            {% endfor %}
        ) is not null

),

described as (

    select
        customer_id,
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
    from describing
    group by customer_id

)

select
    customers.customer_id,
    customers.first_seen_at,
    customers.contact_count,
    customers.has_crm_contact,
    customers.has_mailing_profile,
    customers.has_shop_account,
    described.owner_id,
    described.lifecycle_stage,
    described.language_code,
    described.country_code,
    described.age_band,
    described.income_band,
    described.household_size,
    described.household_composition,
    described.home_ownership,
    described.marital_status,
    described.kids_count
from customers
left join described on customers.customer_id = described.customer_id
