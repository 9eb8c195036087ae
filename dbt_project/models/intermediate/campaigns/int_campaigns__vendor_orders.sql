with

metrics as (

    select metric_id
    from {{ ref('stg_klaviyo__metrics') }}
    where metric_name = {{ sql_text(var('vendor_order_metric')) }}

),

campaign_of_message as (

    select
        message_id,
        campaign_id
    from {{ ref('canonical_messages') }}
    where source = 'klaviyo' and campaign_id is not null

)

-- A message of a flow is no campaign's.
select
    events.event_id,
    contact_map.customer_id,
    events.occurred_at,
    events.order_id as order_number,
    events.order_amount as sales_amount,
    case
        when events.attributed_flow_id is null
            then coalesce(events.attributed_campaign_id, campaign_of_message.campaign_id)
    end as campaign_id,
    events.attributed_flow_id as flow_id,
    events.attributed_message_id as message_id
from {{ ref('stg_klaviyo__events') }} as events
inner join metrics on events.metric_id = metrics.metric_id
left join {{ ref('int_identity__contact_map') }} as contact_map
    on events.profile_id = contact_map.source_record_id and contact_map.source = 'klaviyo'
left join campaign_of_message on events.attributed_message_id = campaign_of_message.message_id
where
    coalesce(
        events.attributed_campaign_id, events.attributed_message_id, events.attributed_flow_id
    ) is not null
