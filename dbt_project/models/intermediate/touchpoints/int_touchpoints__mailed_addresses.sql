-- What became of mail of which its source knows the address alone.
select
    events.source || ':' || events.event_id as touchpoint_id,
    recipients.customer_id,
    events.occurred_at,
    events.channel,
    events.direction,
    -- what the source took for a machine's
    case when events.is_automated then 'automated' else events.actor end as actor,
    events.message_class,
    events.event_type,
    events.is_marketing_contact and events.message_class = 'marketing' as is_marketing_contact,
    events.source,
    events.campaign_id,
    events.flow_id,
    events.message_id,
    events.variation_id,
    cast(null as string) as order_id,
    cast(null as string) as coupon_upc,
    cast(null as string) as product_id,
    cast(null as string) as owner_id,
    events.question,
    events.answer,
    cast(null as string) as answer_mood
from {{ ref('canonical_message_events') }} as events
inner join {{ ref('int_identity__mail_recipients') }} as recipients
    on events.source = recipients.source and events.event_id = recipients.event_id
where events.contact_id is null
