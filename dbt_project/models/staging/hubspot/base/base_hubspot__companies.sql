with

landed as (

    {{ landed('hubspot', 'companies') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'name', 'domain', 'industry', 'numberofemployees', 'annualrevenue', 'country',
            'hs_country_code', 'hubspot_owner_id', 'lifecyclestage', 'hs_merged_object_ids',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as company_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,
        {{ listed_ids('members.hs_merged_object_ids') }} as merged_company_ids,

        -- text
        {{ clean_text('members.name') }} as company_name,
        lower({{ clean_text('members.domain') }}) as domain,
        {{ clean_text('members.industry') }} as industry,
        {{ country_key('members.hs_country_code') }} as country_code_key,
        {{ country_key('members.country') }} as country_name_key,
        {{ clean_text('members.lifecyclestage') }} as lifecycle_stage,

        -- numbers
        {{ whole_number('members.numberofemployees') }} as employee_count,
        {{ amount('members.annualrevenue') }} as annual_revenue_amount,

        -- booleans
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        members,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

placed as (

    select
        typed.*,
        -- the code that the CRM keeps beside the name, else what the name means
        coalesce(coded.country_code, named.country_code) as country_code
    from typed
    left join {{ ref('int_places__country_names') }} as coded
        on typed.country_code_key = coded.spelling_key
    left join {{ ref('int_places__country_names') }} as named
        on typed.country_name_key = named.spelling_key

),

checked as (

    select
        company_id,
        owner_id,
        merged_company_ids,
        company_name,
        domain,
        industry,
        lifecycle_stage,
        employee_count,
        annual_revenue_amount,
        is_archived,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        country_code,
        company_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('company_id') }}
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from placed

)

select
    *,
    {{ first_and_last_load_date(['company_id']) }},
    {{
        version_rank(['company_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
