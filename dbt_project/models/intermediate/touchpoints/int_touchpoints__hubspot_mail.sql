-- What the CRM itself mailed to many, and what came of it. Accepted for sending and put off are not
-- here: each ends as delivered, bounced or dropped.
with

meanings as (

    select
        kinds.hubspot_type,
        kinds.direction,
        kinds.actor,
        kinds.event_type
    from (
        values
        ('delivered', 'outbound', 'automated', 'delivered'),
        ('bounce', 'outbound', 'automated', 'bounced'),
        ('dropped', 'outbound', 'automated', 'dropped'),
        ('open', 'inbound', 'human', 'opened'),
        ('click', 'inbound', 'human', 'clicked'),
        ('spamreport', 'inbound', 'human', 'complained'),
        ('unsubscribed', 'inbound', 'human', 'unsubscribed'),
        ('statuschange', 'inbound', 'human', 'unsubscribed')
    ) as kinds (hubspot_type, direction, actor, event_type)

),

touchpoints as (

    select
        events.event_id,
        recipients.customer_id,
        events.occurred_at,
        meanings.direction,
        -- what the CRM took for a machine's
        case
            when events.is_filtered and meanings.event_type in ('opened', 'clicked')
                then 'automated'
            else meanings.actor
        end as actor,
        meanings.event_type,
        sendings.campaign_id,
        coalesce(sendings.message_id, 'hubspot:sending:' || events.sending_id) as message_id,
        sendings.variation_id,
        case
            when meanings.direction = 'inbound' then null
            when sendings.sending_id is not null then sendings.message_class
            else {{ sql_text(var('unknown_message_class')) }}
        end as message_class
    from {{ ref('stg_hubspot__email_events') }} as events
    inner join meanings on events.event_type = meanings.hubspot_type
    inner join {{ ref('int_identity__mail_recipients') }} as recipients
        on events.event_id = recipients.event_id
    left join {{ ref('map_hubspot__sendings') }} as sendings
        on events.sending_id = sendings.sending_id
    where events.event_type <> 'statuschange' or events.is_refusal

)

select
    'hubspot:email_event:' || event_id as touchpoint_id,
    customer_id,
    occurred_at,
    'email' as channel,
    direction,
    actor,
    message_class,
    event_type,
    event_type = 'delivered' and message_class = 'marketing' as is_marketing_contact,
    'hubspot' as source,
    campaign_id,
    null as flow_id,
    message_id,
    variation_id,
    null as order_id,
    null as coupon_upc,
    null as product_id,
    null as owner_id,
    null as question,
    null as answer,
    null as answer_mood
from touchpoints
