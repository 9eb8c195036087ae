select
    consent_event_id,
    customer_id,
    cast(channel as varchar) as channel,
    cast(topic as varchar) as topic,
    cast(level as varchar) as level,
    cast(action as varchar) as action,
    cast(basis as varchar) as basis,
    cast(source as varchar) as source,
    cast(evidence as varchar) as evidence,
    occurred_at,
    first_load_date
from {{ ref('int_consent__events') }}
