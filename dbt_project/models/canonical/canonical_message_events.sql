-- HubSpot tells a type of its own and a sending; accepted for sending and put off end as delivered,
-- bounced or dropped. Klaviyo tells a metric, whose meaning is in the seed.
with

hubspot_types as (

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

)

select
    cast('klaviyo' as string) as source,
    events.event_id,
    events.profile_id as contact_id,
    cast(null as string) as address,
    meanings.event_type,
    meanings.channel,
    meanings.direction,
    meanings.actor,
    meanings.message_class,
    meanings.is_marketing_contact,
    case meanings.event_type
        when 'opened' then events.is_machine_open
        when 'clicked' then events.is_bot_click
    end as is_automated,
    events.message_id,
    events.variation_id,
    events.campaign_id,
    events.flow_id,
    events.clicked_url,
    events.pulse_question as question,
    events.pulse_answer as answer,
    events.occurred_at
from {{ ref('stg_klaviyo__events') }} as events
inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
inner join {{ ref('klaviyo_metrics') }} as meanings on metrics.metric_name = meanings.metric_name
where
    {{ is_of_message('meanings.event_type') }}
    and (meanings.is_touchpoint or meanings.event_type = 'dropped')
union all
select
    'hubspot' as source,
    'email_event:' || events.event_id as event_id,
    cast(null as string) as contact_id,
    events.email as address,
    kinds.event_type,
    'email' as channel,
    kinds.direction,
    kinds.actor,
    case
        when kinds.direction = 'inbound' then null
        when sendings.sending_id is not null then sendings.message_class
        else {{ sql_text(var('unknown_message_class')) }}
    end as message_class,
    kinds.event_type = 'delivered' as is_marketing_contact,
    case when kinds.event_type in ('opened', 'clicked') then events.is_filtered end as is_automated,
    coalesce(sendings.message_id, 'hubspot:sending:' || events.sending_id) as message_id,
    sendings.variation_id,
    sendings.campaign_id,
    cast(null as string) as flow_id,
    cast(null as string) as clicked_url,
    cast(null as string) as question,
    cast(null as string) as answer,
    events.occurred_at
from {{ ref('stg_hubspot__email_events') }} as events
inner join hubspot_types as kinds on events.event_type = kinds.hubspot_type
left join {{ ref('map_hubspot__sendings') }} as sendings on events.sending_id = sendings.sending_id
-- leaving one topic is no leaving of the channel
where events.event_type <> 'statuschange' or events.is_refusal
union all
select
    source,
    event_id,
    contact_id,
    address,
    event_type,
    channel,
    case
        when event_type in ('sent', 'delivered', 'bounced', 'dropped') then 'outbound'
        else 'inbound'
    end as direction,
    case
        when event_type in ('sent', 'delivered', 'bounced', 'dropped') then 'automated'
        else 'human'
    end as actor,
    case
        when event_type in ('sent', 'delivered', 'bounced', 'dropped')
            then coalesce(message_class, {{ sql_text(var('unknown_message_class')) }})
    end as message_class,
    -- a tool that tells what was delivered tells by it whom a message reached
    case
        when bool_or(event_type = 'delivered') over (partition by source, channel)
            then event_type = 'delivered'
        else event_type = 'sent'
    end as is_marketing_contact,
    is_automated,
    message_id,
    variation_id,
    campaign_id,
    flow_id,
    clicked_url,
    question,
    answer,
    occurred_at
from {{ ref('base_mapped__message_events') }}
where {{ is_staged() }}
