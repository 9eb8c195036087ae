select
    source,
    partner_contact_id,
    partner_id,
    direction,
    channel,
    actor,
    owner_id,
    contact_id,
    in_reply_to_id,
    thread_id,
    sentiment_score,
    occurred_at,
    updated_at
from {{ ref('base_mapped__partner_contacts') }}
where {{ is_staged() }} and not is_removed
