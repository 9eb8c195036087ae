-- Every version that landed, as what a later one overwrote was still said. What a record that was
-- deleted for good said stays too: who may show it decides by `is_erased`.
with

removals as (

    select * from {{ ref('map_people__removals') }}

),

hubspot as (

    select
        'hubspot' as source,
        contact_id,
        shop_customer_number as external_id,
        merged_contact_ids,
        owner_id,
        company_id,
        email,
        additional_emails,
        first_name,
        last_name,
        {{ those_of(
            list_of(['phone', 'mobile_phone', 'calculated_phone', 'calculated_mobile_phone']),
            'number',
            'number is not null'
        ) }} as phones,
        birth_date,
        postcode,
        city,
        country_code,
        company_name,
        lifecycle_stage,
        language_code,
        cast(null as string) as time_zone,
        age_band,
        income_band,
        household_size,
        household_composition,
        home_ownership,
        marital_status,
        kids_count,
        cast(null as boolean) as is_email_deliverable,
        false as has_bounced,
        is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash,
        {{ is_staged() }} as is_current
    from {{ ref('base_hubspot__contacts') }}
    where not is_quarantined

),

hubspot_with_companies as (

    select
        hubspot.*,
        companies.to_ids as company_ids
    from hubspot
    left join {{ ref('stg_hubspot__associations') }} as companies
        on
            hubspot.contact_id = companies.from_id
            and companies.from_type = 'contacts'
            and companies.to_type = 'companies'

),

klaviyo as (

    select
        'klaviyo' as source,
        profile_id as contact_id,
        external_id,
        cast(null as {{ list_type('string') }}) as merged_contact_ids,
        cast(null as string) as owner_id,
        cast(null as string) as company_id,
        email,
        {{ empty_list('string') }} as additional_emails,
        first_name,
        last_name,
        {{ those_of(list_of(['phone']), 'number', 'number is not null') }} as phones,
        birth_date,
        postcode,
        city,
        cast(null as string) as country_code,
        company_name,
        cast(null as string) as lifecycle_stage,
        cast(null as string) as language_code,
        time_zone,
        {% for column in [
            'age_band', 'income_band', 'household_size', 'household_composition', 'home_ownership',
            'marital_status', 'kids_count',
        ] %}
        cast(null as string) as {{ column }},
        {% endfor %}
        coalesce(
            can_receive_email_marketing and email_consent is distinct from 'UNSUBSCRIBED', false
        ) as is_email_deliverable,
        {{ has_bounced('suppressions') }} as has_bounced,
        false as is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash,
        {{ is_staged() }} as is_current,
        cast(null as {{ list_type('string') }}) as company_ids
    from {{ ref('base_klaviyo__profiles') }}
    where not is_quarantined

),

shop as (

    select
        'shop' as source,
        shop_customer_id as contact_id,
        shop_customer_id as external_id,
        cast(null as {{ list_type('string') }}) as merged_contact_ids,
        cast(null as string) as owner_id,
        cast(null as string) as company_id,
        email,
        {{ empty_list('string') }} as additional_emails,
        cast(null as string) as first_name,
        cast(null as string) as last_name,
        {{ empty_list('string') }} as phones,
        cast(null as date) as birth_date,
        {% for column in [
            'postcode', 'city', 'country_code', 'company_name', 'lifecycle_stage', 'language_code',
            'time_zone', 'age_band', 'income_band', 'household_size', 'household_composition',
            'home_ownership', 'marital_status', 'kids_count',
        ] %}
        cast(null as string) as {{ column }},
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
        {{ is_staged() }} as is_current,
        cast(null as {{ list_type('string') }}) as company_ids
    from {{ ref('base_shop__customers') }}
    where not is_quarantined

),

mapped as (

    select
        source,
        contact_id,
        external_id,
        merged_contact_ids,
        owner_id,
        company_id,
        {{ normalised_email('email') }} as email,
        coalesce(additional_emails, {{ empty_list('string') }}) as additional_emails,
        first_name,
        last_name,
        coalesce(phones, {{ empty_list('string') }}) as phones,
        birth_date,
        postcode,
        city,
        upper(country_code) as country_code,
        company_name,
        lifecycle_stage,
        language_code,
        time_zone,
        age_band,
        income_band,
        household_size,
        household_composition,
        home_ownership,
        marital_status,
        kids_count,
        is_email_deliverable,
        has_bounced,
        is_archived,
        created_at,
        updated_at,
        load_date,
        last_load_date,
        load_id,
        row_hash,
        {{ is_staged() }} as is_current,
        company_ids
    from {{ ref('base_mapped__contacts') }}
    where not is_quarantined

),

versions as (

    select * from hubspot_with_companies
    union all
    select * from klaviyo
    union all
    select * from shop
    union all
    select * from mapped

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
        and versions.contact_id = removals.contact_id
