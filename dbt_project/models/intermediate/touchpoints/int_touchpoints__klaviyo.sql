with

events as (

    select * from {{ ref('stg_klaviyo__events') }}

),

metrics as (

    select * from {{ ref('stg_klaviyo__metrics') }}

),

meanings as (

    select * from {{ ref('klaviyo_metrics') }}
    where is_touchpoint

),

-- A message belongs to one campaign; were two to claim it, the lower id has it.
campaign_of_message as (

    select
        message_id,
        min(campaign_id) as campaign_id
    from (
        select
            campaign_id,
            unnest(message_ids) as message_id
        from {{ ref('stg_klaviyo__campaigns') }}
    ) as messages
    group by message_id

)

select
    'klaviyo:' || events.event_id as touchpoint_id,
    contact_map.customer_id,
    events.occurred_at,
    meanings.channel,
    meanings.direction,
    meanings.actor,
    meanings.message_class,
    meanings.event_type,
    meanings.is_marketing_contact,
    'klaviyo' as source,
    coalesce(campaign_of_message.campaign_id, events.campaign_id) as campaign_id,
    events.message_id,
    null as order_id,
    events.coupon_upc,
    null as owner_id,
    events.pulse_question as question,
    events.pulse_answer as answer
from events
inner join metrics on events.metric_id = metrics.metric_id
inner join meanings on metrics.metric_name = meanings.metric_name
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on events.profile_id = contact_map.source_record_id and contact_map.source = 'klaviyo'
left join campaign_of_message on events.message_id = campaign_of_message.message_id
