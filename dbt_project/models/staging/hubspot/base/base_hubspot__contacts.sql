{# What a person said, or who they are by: a property that is deleted or renamed in the CRM takes none of it back. #}
{% set lasting = lasting_contact_properties() %}

with

landed as (

    {{ landed('hubspot', 'contacts') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'hubspot_owner_id', 'associatedcompanyid', 'email', 'firstname', 'lastname',
            'phone', 'mobilephone', 'hs_calculated_phone_number', 'hs_calculated_mobile_number',
            'lifecyclestage', 'hs_language', 'country', 'city', 'jobtitle',
            'hs_timezone', 'hs_country_region_code', 'age', 'income', 'household_size',
            'household_comp', 'home_ownership', 'marital_status', 'kids_count',
            'date_of_birth', 'zip', 'company',
        ] + lasting) }} as members,
        {{ json_names('properties') }} as member_names
    from landed

),

-- An empty member was cleared; one that is not there at all says nothing, so the last answer stands.
remembered as (

    select
        *,
        {% for property in lasting %}
        (
            last_value(
                case
                    when array_contains(member_names, '{{ property }}')
                        then {{ record({'said': 'members.' ~ property}) }}
                end ignore nulls
            ) over versions
        ).said as {{ property }}{{ ',' if not loop.last }}
        {% endfor %}
    from opened
    window versions as (
        partition by id
        order by
            {{ utc_timestamp('updated_at') }} asc nulls first,
            load_date asc nulls last,
            load_id asc nulls last,
            row_hash asc nulls last
        rows between unbounded preceding and current row
    )

),

hours as (

    {{ hours_read('remembered', 'allowed_hours') }}

),

weekdays as (

    {{ weekdays_read('remembered', 'allowed_weekdays') }}

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as contact_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,
        {{ clean_text('shop_customer_number') }} as shop_customer_number,
        {{ clean_text('members.associatedcompanyid') }} as company_id,
        {{ distinct_sorted(both_lists(
            listed_ids('hs_merged_object_ids'),
            all_found('hs_calculated_merged_vids', '([^:;\\s]+):[^;]*', 1)
        )) }} as merged_contact_ids,

        -- direct identifiers
        {{ normalised_email('members.email') }} as email,
        {{ those_of(
            all_found('hs_additional_emails', '[^;,\\s]+'), 'address', "contains(address, '@')"
        ) }} as additional_emails,
        {{ clean_text('members.firstname') }} as first_name,
        {{ clean_text('members.lastname') }} as last_name,
        {{ clean_text('members.phone') }} as phone,
        {{ clean_text('members.mobilephone') }} as mobile_phone,
        -- the CRM's own reading of the two, in E.164
        {{ clean_text('members.hs_calculated_phone_number') }} as calculated_phone,
        {{ clean_text('members.hs_calculated_mobile_number') }} as calculated_mobile_phone,
        {{ birth_date('members.date_of_birth') }} as birth_date,
        {{ clean_text('members.zip') }} as postcode,
        {{ clean_text('members.company') }} as company_name,

        -- text
        {{ clean_text('members.lifecyclestage') }} as lifecycle_stage,
        lower({{ clean_text('members.hs_language') }}) as language_code,
        {{ country_key('members.hs_country_region_code') }} as country_code_key,
        {{ country_key('members.country') }} as country_name_key,
        {{ clean_text('members.city') }} as city,
        {{ clean_text('members.jobtitle') }} as job_title,
        {{ clean_text('members.hs_timezone') }} as time_zone,
        {{ clean_text('members.age') }} as age_band,
        {{ clean_text('members.income') }} as income_band,
        {{ clean_text('members.household_size') }} as household_size,
        {{ clean_text('members.household_comp') }} as household_composition,
        {{ clean_text('members.home_ownership') }} as home_ownership,
        {{ clean_text('members.marital_status') }} as marital_status,
        {{ clean_text('members.kids_count') }} as kids_count,
        {{ clean_text('loyalty_status') }} as loyalty_status,

        -- preferences they declared; what cannot be read is the strictest of its kind
        lower({{ clean_text('declared_relationship') }}) as declared_relationship,
        case
            when lower({{ trimmed('wants_relationship') }}) in ('yes', 'true') then 'yes'
            when lower({{ trimmed('wants_relationship') }}) in ('no', 'false') then 'no'
        end as wants_relationship,
        {{ topic_list('wanted_topics') }} as wanted_topics,
        {{ topic_list('unwanted_topics') }} as unwanted_topics,
        {{ channel_list('allowed_channels') }} as allowed_channels,
        case
            when {{ whole_number('max_marketing_messages_30d') }} >= 0
                then {{ whole_number('max_marketing_messages_30d') }}
            when {{ trimmed('max_marketing_messages_30d') }} <> '' then 0
        end as max_marketing_messages_30d,
        allowed_hours as hours_text,
        allowed_weekdays as weekdays_text,
        coalesce(
            cast({{ plausible_time('marketing_pause_until') }} as date),
            case when {{ trimmed('marketing_pause_until') }} <> '' then {{ endless() }} end
        ) as marketing_pause_until,
        {{ text_list('declared_values') }} as declared_values,
        {{ text_list('interests') }} as interests,
        {{ plausible_time('preferences_updated_at') }} as preferences_updated_at,

        -- booleans
        coalesce(
            {{ boolean(whole_text('hs_email_optout')) }},
            {{ whole_text('hs_email_optout') }} is not null
        ) as has_opted_out_of_email,
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        coalesce(
            {{ time_of_making('created_at') }},
            {{ plausible_time('updated_at') }},
            cast(load_date as timestamp)
        ) as created_at,
        coalesce({{ plausible_time('updated_at') }}, cast(load_date as timestamp)) as updated_at,

        -- the row as it came
        members,
        {{ unreadable([
            ('created_at', time_of_making('created_at') ~ ' is null'),
            ('updated_at', plausible_time('updated_at') ~ ' is null'),
            ('email', clean_text('members.email') ~ ' is not null and ' ~ normalised_email('members.email') ~ ' is null'),
            ('wants_relationship', clean_text('wants_relationship') ~ ' is not null'
                ~ ' and lower(' ~ trimmed('wants_relationship') ~ ") not in ('yes', 'true', 'no', 'false')"),
            ('allowed_channels', has_unreadable_channels('allowed_channels')),
            ('max_marketing_messages_30d', clean_text('max_marketing_messages_30d') ~ ' is not null'
                ~ ' and coalesce(' ~ whole_number('max_marketing_messages_30d') ~ ', -1) < 0'),
            ('marketing_pause_until', is_no_time('marketing_pause_until', utc_timestamp('marketing_pause_until'))),
            ('preferences_updated_at', is_no_time('preferences_updated_at', utc_timestamp('preferences_updated_at'))),
            ('hs_email_optout', clean_text('hs_email_optout') ~ ' is not null'
                ~ ' and ' ~ boolean(trimmed('hs_email_optout')) ~ ' is null'),
        ]) }} as unreadable_members,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from remembered

),

placed as (

    select
        typed.*,
        -- the code that the CRM keeps beside the name, else what the name means
        coalesce(coded.country_code, named.country_code) as country_code,
        -- sets of bits; where not everything can be read, nothing is allowed
        hours.hours as allowed_hours,
        weekdays.weekdays as allowed_weekdays,
        {{ both_lists('typed.unreadable_members', unreadable([
            ('allowed_hours', 'hours.is_unreadable'),
            ('allowed_weekdays', 'weekdays.is_unreadable'),
        ])) }} as unreadable_fields
    from typed
    left join hours on typed.hours_text = hours.text
    left join weekdays on typed.weekdays_text = weekdays.text
    left join {{ ref('int_places__country_names') }} as coded
        on typed.country_code_key = coded.spelling_key
    left join {{ ref('int_places__country_names') }} as named
        on typed.country_name_key = named.spelling_key

),

checked as (

    select
        contact_id,
        owner_id,
        shop_customer_number,
        company_id,
        merged_contact_ids,
        email,
        additional_emails,
        first_name,
        last_name,
        phone,
        mobile_phone,
        calculated_phone,
        calculated_mobile_phone,
        birth_date,
        postcode,
        company_name,
        lifecycle_stage,
        language_code,
        city,
        job_title,
        time_zone,
        age_band,
        income_band,
        household_size,
        household_composition,
        home_ownership,
        marital_status,
        kids_count,
        loyalty_status,
        declared_relationship,
        wants_relationship,
        wanted_topics,
        unwanted_topics,
        allowed_channels,
        max_marketing_messages_30d,
        marketing_pause_until,
        declared_values,
        interests,
        preferences_updated_at,
        has_opted_out_of_email,
        is_archived,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        country_code,
        allowed_hours,
        allowed_weekdays,
        unreadable_fields,
        contact_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when contact_id is null then 'id is missing'
            when members is null then 'properties is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case
            when is_quarantined or {{ size_of('unreadable_fields') }} > 0 then {{ json_of('raw') }}
        end as payload

    from placed

)

select
    *,
    {{ first_and_last_load_date(['contact_id']) }},
    {{
        version_rank(['contact_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
