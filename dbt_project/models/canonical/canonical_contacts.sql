-- Every version that landed, as what a later one overwrote was still said. What a record that was
-- deleted for good said stays too: who may show it decides by `is_erased`.
with

removals as (

    select * from {{ ref('stg_sources__removals') }}

),

hubspot as (

    select
        'hubspot' as source,
        contacts.contact_id,
        contacts.shop_customer_number as external_id,
        contacts.merged_contact_ids,
        contacts.owner_id,
        contacts.company_id,
        companies.to_ids as company_ids,
        contacts.email,
        contacts.additional_emails,
        contacts.first_name,
        contacts.last_name,
        list_filter(
            [
                contacts.phone,
                contacts.mobile_phone,
                contacts.calculated_phone,
                contacts.calculated_mobile_phone
            ],
            lambda number: number is not null
        ) as phones,
        contacts.birth_date,
        contacts.postcode,
        contacts.city,
        contacts.country_code,
        contacts.company_name,
        contacts.lifecycle_stage,
        contacts.language_code,
        cast(null as varchar) as time_zone,
        contacts.age_band,
        contacts.income_band,
        contacts.household_size,
        contacts.household_composition,
        contacts.home_ownership,
        contacts.marital_status,
        contacts.kids_count,
        cast(null as boolean) as is_email_deliverable,
        false as has_bounced,
        contacts.is_archived,
        contacts.created_at,
        contacts.updated_at,
        contacts.load_date,
        contacts.last_load_date,
        contacts.load_id,
        contacts.row_hash,
        {{ is_staged() }} as is_current
    from {{ ref('base_hubspot__contacts') }} as contacts
    left join {{ ref('stg_hubspot__associations') }} as companies
        on
            contacts.contact_id = companies.from_id
            and companies.from_type = 'contacts'
            and companies.to_type = 'companies'
    where not contacts.is_quarantined

),

klaviyo as (

    select
        'klaviyo' as source,
        profile_id as contact_id,
        external_id,
        cast(null as varchar []) as merged_contact_ids,
        cast(null as varchar) as owner_id,
        cast(null as varchar) as company_id,
        cast(null as varchar []) as company_ids,
        email,
        cast([] as varchar []) as additional_emails,
        first_name,
        last_name,
        list_filter([phone], lambda number: number is not null) as phones,
        birth_date,
        postcode,
        city,
        cast(null as varchar) as country_code,
        company_name,
        cast(null as varchar) as lifecycle_stage,
        cast(null as varchar) as language_code,
        time_zone,
        {% for column in [
            'age_band', 'income_band', 'household_size', 'household_composition', 'home_ownership',
            'marital_status', 'kids_count',
        ] %}
        cast(null as varchar) as {{ column }},
        {% endfor %}
        coalesce(can_receive_email_marketing, false)
        and email_consent is distinct from 'UNSUBSCRIBED' as is_email_deliverable,
        len(
            list_filter(
                suppressions,
                lambda suppression: suppression.reason in ('HARD_BOUNCE', 'INVALID_EMAIL')
            )
        ) > 0 as has_bounced,
        false as is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash,
        {{ is_staged() }} as is_current
    from {{ ref('base_klaviyo__profiles') }}
    where not is_quarantined

),

shop as (

    select
        'shop' as source,
        shop_customer_id as contact_id,
        shop_customer_id as external_id,
        cast(null as varchar []) as merged_contact_ids,
        cast(null as varchar) as owner_id,
        cast(null as varchar) as company_id,
        cast(null as varchar []) as company_ids,
        email,
        cast([] as varchar []) as additional_emails,
        cast(null as varchar) as first_name,
        cast(null as varchar) as last_name,
        cast([] as varchar []) as phones,
        cast(null as date) as birth_date,
        {% for column in [
            'postcode', 'city', 'country_code', 'company_name', 'lifecycle_stage', 'language_code',
            'time_zone', 'age_band', 'income_band', 'household_size', 'household_composition',
            'home_ownership', 'marital_status', 'kids_count',
        ] %}
        cast(null as varchar) as {{ column }},
        {% endfor %}
        cast(null as boolean) as is_email_deliverable,
        false as has_bounced,
        false as is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash,
        {{ is_staged() }} as is_current
    from {{ ref('base_shop__customers') }}
    where not is_quarantined

),

versions as (

    select * from hubspot
    union all
    select * from klaviyo
    union all
    select * from shop

)

select
    versions.*,
    {{ is_removed('versions', 'removals') }} as is_removed,
    {{ is_erased('versions', 'removals') }} as is_erased,
    case when {{ is_removed('versions', 'removals') }} then removals.successor_id end
        as merged_into_contact_id
from versions
left join removals
    on
        versions.source = removals.source
        and versions.contact_id = removals.record_id
        and removals.object_type = {{ person_stream('versions.source') }}
