{% set email_consent_time = 'coalesce(email_marketing.consent_timestamp, email_marketing.timestamp)' %}

with

landed as (

    {{ landed('klaviyo', 'profiles') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'external_id': 'string',
            'email': 'string',
            'first_name': 'string',
            'last_name': 'string',
            'phone_number': 'string',
            'locale': 'string',
            'location': {
                'timezone': 'string', 'city': 'string', 'country': 'string', 'zip': 'string'
            },
            'organization': 'string',
            'properties': {'Birthday': 'string'},
            'subscriptions': {
                'email': {
                    'marketing': {
                        'consent': 'string',
                        'consent_timestamp': 'string',
                        'timestamp': 'string',
                        'method': 'string',
                        'double_optin': 'string',
                        'can_receive_email_marketing': 'string',
                        'suppression': [{'reason': 'string', 'timestamp': 'string'}],
                        'list_suppressions': [
                            {'list_id': 'string', 'reason': 'string', 'timestamp': 'string'},
                        ],
                    },
                },
                'sms': {
                    'marketing': {
                        'consent': 'string',
                        'consent_timestamp': 'string',
                        'method': 'string',
                        'can_receive_sms_marketing': 'string',
                    },
                },
                'mobile_push': {
                    'marketing': {
                        'consent': 'string',
                        'consent_timestamp': 'string',
                        'can_receive_push_marketing': 'string',
                    },
                },
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
            when {{ boolean('email_marketing.double_optin') }} then 'double_opt_in'
            else {{ topic_of('email_marketing.method') }}
        end as email_consent_method,
        {{ boolean('email_marketing.can_receive_email_marketing') }}
            as can_receive_email_marketing,
        upper({{ clean_text('sms_marketing.consent') }}) as sms_consent,
        {{ plausible_time('sms_marketing.consent_timestamp') }} as sms_consent_at,
        {{ topic_of('sms_marketing.method') }} as sms_consent_method,
        {{ boolean('sms_marketing.can_receive_sms_marketing') }} as can_receive_sms_marketing,
        upper({{ clean_text('push_marketing.consent') }}) as push_consent,
        {{ plausible_time('push_marketing.consent_timestamp') }} as push_consent_at,
        {{ boolean('push_marketing.can_receive_push_marketing') }}
            as can_receive_push_marketing,
        coalesce(email_marketing.suppression, {{ list_of([]) }}) as suppressions,
        coalesce(email_marketing.list_suppressions, {{ list_of([]) }}) as list_suppressions,

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
        profile_id,
        external_id,
        email,
        first_name,
        last_name,
        phone,
        birth_date,
        postcode,
        company_name,
        locale,
        city,
        time_zone,
        email_consent,
        email_consent_at,
        email_consent_method,
        can_receive_email_marketing,
        sms_consent,
        sms_consent_at,
        sms_consent_method,
        can_receive_sms_marketing,
        push_consent,
        push_consent_at,
        can_receive_push_marketing,
        suppressions,
        list_suppressions,
        created_at,
        updated_at,
        unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        profile_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when profile_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case
            when is_quarantined or {{ size_of('unreadable_fields') }} > 0 then {{ json_of('raw') }}
        end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['profile_id']) }},
    {{ version_rank(['profile_id'], changed_at='updated_at') }} as version_rank
from checked
