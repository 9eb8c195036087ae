with

landed as (

    {{ landed('hubspot', 'contacts') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'hubspot_owner_id', 'shop_customer_number', 'associatedcompanyid',
            'hs_merged_object_ids', 'hs_calculated_merged_vids', 'email', 'firstname', 'lastname',
            'phone', 'lifecyclestage', 'hs_language', 'country', 'city', 'jobtitle',
            'hs_timezone', 'age', 'income', 'household_size', 'household_comp', 'home_ownership',
            'marital_status', 'kids_count', 'hs_email_optout', 'declared_relationship',
            'wants_relationship', 'wanted_topics', 'unwanted_topics', 'allowed_channels',
            'max_marketing_messages_30d', 'allowed_hours', 'allowed_weekdays',
            'marketing_pause_until', 'declared_values', 'interests', 'loyalty_status',
            'preferences_updated_at',
            'date_of_birth', 'zip', 'company',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as contact_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,
        {{ clean_text('members.shop_customer_number') }} as shop_customer_number,
        {{ clean_text('members.associatedcompanyid') }} as company_id,
        coalesce(
            list_sort(
                list_distinct(
                    list_concat(
                        regexp_extract_all(members.hs_merged_object_ids, '[^;\s]+'),
                        regexp_extract_all(
                            members.hs_calculated_merged_vids, '([^:;\s]+):[^;]*', 1
                        )
                    )
                )
            ),
            []
        ) as merged_contact_ids,

        -- direct identifiers
        {{ normalised_email('members.email') }} as email,
        {{ clean_text('members.firstname') }} as first_name,
        {{ clean_text('members.lastname') }} as last_name,
        {{ clean_text('members.phone') }} as phone,
        {{ birth_date('members.date_of_birth') }} as birth_date,
        {{ clean_text('members.zip') }} as postcode,
        {{ clean_text('members.company') }} as company_name,

        -- text
        {{ clean_text('members.lifecyclestage') }} as lifecycle_stage,
        lower({{ clean_text('members.hs_language') }}) as language_code,
        upper({{ clean_text('members.country') }}) as country_code,
        {{ clean_text('members.city') }} as city,
        {{ clean_text('members.jobtitle') }} as job_title,
        replace({{ clean_text('members.hs_timezone') }}, '_slash_', '/') as time_zone,
        {{ clean_text('members.age') }} as age_band,
        {{ clean_text('members.income') }} as income_band,
        {{ clean_text('members.household_size') }} as household_size,
        {{ clean_text('members.household_comp') }} as household_composition,
        {{ clean_text('members.home_ownership') }} as home_ownership,
        {{ clean_text('members.marital_status') }} as marital_status,
        {{ clean_text('members.kids_count') }} as kids_count,
        {{ clean_text('members.loyalty_status') }} as loyalty_status,

        -- preferences she declared
        lower({{ clean_text('members.declared_relationship') }}) as declared_relationship,
        case
            when lower(trim(members.wants_relationship)) in ('yes', 'true') then 'yes'
            when lower(trim(members.wants_relationship)) in ('no', 'false') then 'no'
        end as wants_relationship,
        {{ text_list('members.wanted_topics') }} as wanted_topics,
        {{ text_list('members.unwanted_topics') }} as unwanted_topics,
        {{ text_list('members.allowed_channels') }} as allowed_channels,
        {{ whole_number('members.max_marketing_messages_30d') }} as max_marketing_messages_30d,
        try_cast(
            regexp_extract(members.allowed_hours, '^\s*([01]?\d|2[0-4])\D', 1) as integer
        ) as allowed_hours_from,
        try_cast(
            regexp_extract(members.allowed_hours, '-\s*([01]?\d|2[0-4])(\D.*)?$', 1) as integer
        ) as allowed_hours_to,
        {{ text_list('members.allowed_weekdays') }} as allowed_weekdays,
        cast({{ utc_timestamp('members.marketing_pause_until') }} as date) as marketing_pause_until,
        {{ text_list('members.declared_values') }} as declared_values,
        {{ text_list('members.interests') }} as interests,
        {{ utc_timestamp('members.preferences_updated_at') }} as preferences_updated_at,

        -- booleans
        coalesce(try_cast(members.hs_email_optout as boolean), false) as has_opted_out_of_email,
        coalesce(try_cast(archived as boolean), false) as is_archived,

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

checked as (

    select
        * exclude (raw),
        contact_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('contact_id') }}
            -- Read as "no limit" these would send more than she allows.
            when
                members.max_marketing_messages_30d <> ''
                and coalesce(max_marketing_messages_30d, -1) < 0
                then 'max_marketing_messages_30d is not a whole number of 0 or more'
            when members.marketing_pause_until <> '' and marketing_pause_until is null
                then 'marketing_pause_until is not a date'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then cast(to_json(raw) as varchar) end as payload

    from typed

)

select
    * exclude (members),
    {{ first_and_last_load_date(['contact_id']) }},
    {{
        version_rank(['contact_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
