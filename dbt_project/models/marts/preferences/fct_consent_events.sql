select
    consent_event_id,
    customer_id,
    cast(channel as string) as channel,
    cast(topic as string) as topic,
    cast(level as string) as level,
    cast(action as string) as action,
    cast(basis as string) as basis,
    cast(source as string) as source,
    cast(evidence as string) as evidence,
    occurred_at,
    first_load_date
from {{ ref('int_consent__events') }}
