{% set email_consent_time = 'coalesce(email_marketing.consent_timestamp, email_marketing."timestamp")' %}

with

landed as (

    {{ landed('klaviyo', 'profiles') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'external_id': 'VARCHAR',
            'email': 'VARCHAR',
            'first_name': 'VARCHAR',
            'last_name': 'VARCHAR',
            'phone_number': 'VARCHAR',
            'locale': 'VARCHAR',
            'location': {
                'timezone': 'VARCHAR', 'city': 'VARCHAR', 'country': 'VARCHAR', 'zip': 'VARCHAR'
            },
            'organization': 'VARCHAR',
            'properties': {'Birthday': 'VARCHAR'},
            'subscriptions': {
                'email': {'marketing': {
                    'consent': 'VARCHAR',
                    'consent_timestamp': 'VARCHAR',
                    'timestamp': 'VARCHAR',
                    'method': 'VARCHAR',
                    'double_optin': 'VARCHAR',
                    'can_receive_email_marketing': 'VARCHAR',
                    'suppression': [{'reason': 'VARCHAR', 'timestamp': 'VARCHAR'}],
                    'list_suppressions': [
                        {'list_id': 'VARCHAR', 'reason': 'VARCHAR', 'timestamp': 'VARCHAR'},
                    ],
                }},
                'sms': {'marketing': {
                    'consent': 'VARCHAR',
                    'consent_timestamp': 'VARCHAR',
                    'method': 'VARCHAR',
                    'can_receive_sms_marketing': 'VARCHAR',
                }},
                'mobile_push': {'marketing': {
                    'consent': 'VARCHAR',
                    'consent_timestamp': 'VARCHAR',
                    'can_receive_push_marketing': 'VARCHAR',
                }},
            },
        }) }} as members
    from landed

),

flattened as (

    select
        *,
        members.subscriptions.email.marketing as email_marketing,
        members.subscriptions.sms.marketing as sms_marketing,
        members.subscriptions.mobile_push.marketing as push_marketing
    from opened

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as profile_id,
        {{ clean_text('members.external_id') }} as external_id,

        -- direct identifiers
        {{ normalised_email('members.email') }} as email,
        {{ clean_text('members.first_name') }} as first_name,
        {{ clean_text('members.last_name') }} as last_name,
        {{ clean_text('members.phone_number') }} as phone,
        {{ birth_date('members.properties.Birthday') }} as birth_date,
        {{ clean_text('members.location.zip') }} as postcode,
        {{ clean_text('members.organization') }} as company_name,

        -- text
        {{ clean_text('members.locale') }} as locale,
        {{ clean_text('members.location.city') }} as city,
        {{ clean_text('members.location.timezone') }} as time_zone,

        -- what the tool may send them, by channel
        upper({{ clean_text('email_marketing.consent') }}) as email_consent,
        {{ plausible_time(email_consent_time) }} as email_consent_at,
        -- whoever confirmed by a mail of their own did it themselves, whatever the method is called
        case
            when try_cast(email_marketing.double_optin as boolean) then 'double_opt_in'
            else {{ topic_of('email_marketing.method') }}
        end as email_consent_method,
        try_cast(
            email_marketing.can_receive_email_marketing as boolean
        ) as can_receive_email_marketing,
        upper({{ clean_text('sms_marketing.consent') }}) as sms_consent,
        {{ plausible_time('sms_marketing.consent_timestamp') }} as sms_consent_at,
        {{ topic_of('sms_marketing.method') }} as sms_consent_method,
        try_cast(sms_marketing.can_receive_sms_marketing as boolean) as can_receive_sms_marketing,
        upper({{ clean_text('push_marketing.consent') }}) as push_consent,
        {{ plausible_time('push_marketing.consent_timestamp') }} as push_consent_at,
        try_cast(
            push_marketing.can_receive_push_marketing as boolean
        ) as can_receive_push_marketing,
        coalesce(email_marketing.suppression, []) as suppressions,
        coalesce(email_marketing.list_suppressions, []) as list_suppressions,

        -- timestamps
        coalesce(
            {{ time_of_making('created') }},
            {{ plausible_time('updated') }},
            cast(load_date as timestamp)
        ) as created_at,
        coalesce({{ plausible_time('updated') }}, cast(load_date as timestamp)) as updated_at,

        -- the row as it came
        members,
        {{ unreadable([
            ('created', time_of_making('created') ~ ' is null'),
            ('updated', plausible_time('updated') ~ ' is null'),
            ('email', clean_text('members.email') ~ ' is not null and ' ~ normalised_email('members.email') ~ ' is null'),
            ('email_consent_timestamp', is_no_time(email_consent_time, utc_timestamp(email_consent_time))),
            ('sms_consent_timestamp', is_no_time('sms_marketing.consent_timestamp', utc_timestamp('sms_marketing.consent_timestamp'))),
            ('push_consent_timestamp', is_no_time('push_marketing.consent_timestamp', utc_timestamp('push_marketing.consent_timestamp'))),
        ]) }} as unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from flattened

),

checked as (

    select
        * exclude (raw),
        profile_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when profile_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case
            when is_quarantined or len(unreadable_fields) > 0 then cast(to_json(raw) as string)
        end as payload

    from typed

)

select
    * exclude (members),
    {{ first_and_last_load_date(['profile_id']) }},
    {{ version_rank(['profile_id'], changed_at='updated_at') }} as version_rank
from checked
