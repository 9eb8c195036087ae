-- What known people say of the firm in public, unasked. Of the words for what happens between
-- firm and customer `answered` is the one that is an inbound word of theirs and no reply to a
-- message, no case and no opt-out. The question is `mention`, the answer how the tool reckons
-- that they speak; it is no grade of theirs, so it moves no polarity.
select
    mentions.source || ':mention:' || mentions.mention_id as touchpoint_id,
    contact_map.customer_id,
    mentions.occurred_at,
    'social' as channel,
    'inbound' as direction,
    'human' as actor,
    cast(null as string) as message_class,
    'answered' as event_type,
    false as is_marketing_contact,
    mentions.source,
    cast(null as string) as campaign_id,
    cast(null as string) as flow_id,
    cast(null as string) as message_id,
    cast(null as string) as variation_id,
    cast(null as string) as order_id,
    cast(null as string) as coupon_upc,
    mentions.product_id,
    cast(null as string) as owner_id,
    'mention' as question,
    cast(mentions.sentiment_score as string) as answer,
    cast(null as string) as answer_mood
from {{ ref('canonical_mentions') }} as mentions
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on mentions.source = contact_map.source and mentions.contact_id = contact_map.source_record_id
