-- Asks the addresses themselves, as they landed, and neither the marts nor the models that weigh consent:
-- is anybody on a list of whom an address that they have now said no, and not yes since?
with

members as (

    select distinct
        segment_members.segment,
        segment_members.customer_id
    from {{ ref('segment_members') }} as segment_members
    where segment_members.channel = 'email'

),

records as (

    select
        'klaviyo' as source,
        profile_id as source_record_id,
        {{ plain_email('email') }} as address
    from {{ ref('stg_klaviyo__profiles') }}
    where not is_removed and email is not null
    union all
    select
        'hubspot' as source,
        contact_id as source_record_id,
        {{ plain_email('email') }} as address
    from {{ ref('stg_hubspot__contacts') }}
    where not is_removed and not is_archived and email is not null
    union all
    select
        source,
        contact_id as source_record_id,
        {{ plain_email('email') }} as address
    from {{ ref('base_mapped__contacts') }}
    where {{ is_staged() }} and not is_removed and not is_archived and email is not null

),

addresses as (

    select
        members.segment,
        members.customer_id,
        records.address
    from members
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on members.customer_id = contact_map.customer_id
    inner join records
        on
            contact_map.source = records.source
            and contact_map.source_record_id = records.source_record_id

),

contacts as (

    select
        {{ unnested(both_lists('additional_emails', list_of(['email']))) }} as address,
        has_opted_out_of_email,
        array_contains(allowed_channels, 'email') as allows_email,
        preferences_updated_at,
        updated_at
    from {{ ref('base_hubspot__contacts') }}

),

profiles as (

    select
        {{ plain_email('email') }} as address,
        email_consent,
        email_consent_method,
        email_consent_at,
        updated_at
    from {{ ref('base_klaviyo__profiles') }}

),

events as (

    select
        {{ plain_email('profiles.email') }} as address,
        events.occurred_at,
        meanings.consent_action
    from {{ ref('stg_klaviyo__events') }} as events
    inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
    inner join {{ ref('klaviyo_metrics') }} as meanings
        on metrics.metric_name = meanings.metric_name
    inner join {{ ref('base_klaviyo__profiles') }} as profiles
        on events.profile_id = profiles.profile_id
    where meanings.consent_level = 'channel' and meanings.channel = 'email'

),

mapped_words as (

    select
        words.action,
        words.evidence,
        words.occurred_at,
        words.load_date,
        {{ unnested(
            'case when ' ~ size_of('words.addresses') ~ ' > 0 then words.addresses else '
            ~ list_of(['contacts.email']) ~ ' end'
        ) }} as address
    from {{ ref('base_mapped__consents') }} as words
    left join {{ ref('base_mapped__contacts') }} as contacts
        on words.source = contacts.source and words.contact_id = contacts.contact_id
    where words.channel in ('email', '*') and words.topic = '*'

),

words as (

    -- a state without a date was said when it was first seen
    select
        {{ plain_email('address') }} as address,
        action = 'withdraw' as is_no,
        coalesce(occurred_at, cast(min(load_date) as timestamp)) as said_at
    from mapped_words
    where action = 'withdraw' or (action = 'grant' and evidence = 'explicit')
    group by address, action, occurred_at
    union all
    select
        {{ plain_email('email') }} as address,
        subscription_status = 'UNSUBSCRIBED' as is_no,
        coalesce(set_at, cast(load_date as timestamp)) as said_at
    from {{ ref('base_hubspot__subscription_statuses') }}
    where
        channel = 'email'
        and subscription_id like '*%'
        and (
            subscription_status = 'UNSUBSCRIBED'
            or (subscription_status = 'SUBSCRIBED' and {{ is_own_act('set_by') }})
        )
    union all
    select
        {{ plain_email('email') }} as address,
        true as is_no,
        occurred_at as said_at
    from {{ ref('stg_hubspot__email_events') }}
    where is_refusal
    union all
    -- a state without a date was said when it was first seen
    select
        {{ plain_email('address') }} as address,
        true as is_no,
        min(updated_at) as said_at
    from contacts
    -- its status, where the address has one, says since when
    where
        has_opted_out_of_email
        and {{ plain_email('address') }} not in (
            select {{ plain_email('email') }}
            from {{ ref('base_hubspot__subscription_statuses') }}
            where
                {{ plain_email('email') }} is not null
                and channel = 'email'
                and subscription_status = 'UNSUBSCRIBED'
        )
    group by {{ plain_email('address') }}
    union all
    select
        {{ plain_email('address') }} as address,
        false as is_no,
        preferences_updated_at as said_at
    from contacts
    where allows_email
    union all
    select
        address,
        true as is_no,
        coalesce(email_consent_at, min(updated_at)) as said_at
    from profiles
    where email_consent = 'UNSUBSCRIBED'
    group by address, email_consent_at
    union all
    select
        address,
        false as is_no,
        coalesce(email_consent_at, updated_at) as said_at
    from profiles
    where email_consent = 'SUBSCRIBED' and {{ is_own_act('email_consent_method') }}
    union all
    select
        address,
        consent_action = 'withdraw' as is_no,
        occurred_at as said_at
    from events

),

last_words as (

    select
        address,
        max(said_at) filter (where is_no) as last_no_at,
        max(said_at) filter (where not is_no) as last_yes_at
    from words
    -- who looks knows no IDNA: the same domain in two scripts is left to those who weigh consent
    where
        said_at < {{ cutoff() }}
        and {{ matches('address', '[\\x00-\\x7F]*') }}
        and address not like '%xn--%'
    group by address

)

select
    segments.segment,
    count(distinct members.customer_id) as member_count,
    count(distinct addresses.customer_id) filter (
        where last_words.last_no_at is not null
        and coalesce(last_words.last_yes_at <= last_words.last_no_at, true)
    ) as opted_out_count
from {{ ref('segments') }} as segments
left join members on segments.segment = members.segment
left join addresses
    on
        members.segment = addresses.segment
        and members.customer_id = addresses.customer_id
left join last_words on addresses.address = last_words.address
group by segments.segment
