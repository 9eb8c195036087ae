-- Of each contact as it is now: what somebody answers, a later answer takes back.
select
    cast('hubspot' as string) as source,
    contact_id,
    declared_relationship,
    wanted_topics,
    unwanted_topics,
    allowed_channels,
    max_marketing_messages_30d,
    allowed_hours,
    allowed_weekdays,
    marketing_pause_until,
    loyalty_status,
    declared_values,
    interests,
    unreadable_fields,
    time_zone,
    is_removed,
    merged_into_contact_id,
    preferences_updated_at,
    updated_at
from {{ ref('stg_hubspot__contacts') }}
union all
select
    source,
    contact_id,
    declared_relationship,
    wanted_topics,
    unwanted_topics,
    allowed_channels,
    max_marketing_messages_30d,
    allowed_hours,
    allowed_weekdays,
    marketing_pause_until,
    loyalty_status,
    declared_values,
    interests,
    unreadable_fields,
    time_zone,
    is_removed,
    cast(null as string) as merged_into_contact_id,
    preferences_updated_at,
    updated_at
from {{ ref('base_mapped__preferences') }}
where {{ is_staged() }}
