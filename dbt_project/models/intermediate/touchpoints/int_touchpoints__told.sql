with

-- What became of messages, and what people did on the web.
events as (

    select
        source,
        event_id,
        source || ':' || event_id as touchpoint_id,
        contact_id,
        event_type,
        channel,
        direction,
        actor,
        message_class,
        is_marketing_contact,
        is_automated,
        message_id,
        variation_id,
        campaign_id,
        flow_id,
        cast(null as string) as coupon_upc,
        cast(null as string) as product_id,
        question,
        answer,
        occurred_at
    from {{ ref('canonical_message_events') }}
    where contact_id is not null
    union all
    select
        source,
        event_id,
        {{ web_touchpoint_id() }} as touchpoint_id,
        contact_id,
        event_type,
        channel,
        'inbound' as direction,
        'human' as actor,
        cast(null as string) as message_class,
        false as is_marketing_contact,
        is_automated,
        cast(null as string) as message_id,
        cast(null as string) as variation_id,
        campaign_id,
        cast(null as string) as flow_id,
        coupon_upc,
        product_id,
        cast(null as string) as question,
        cast(null as string) as answer,
        occurred_at
    from {{ ref('canonical_web_events') }}

),

campaign_of_message as (

    select
        message_id,
        campaign_id
    from {{ ref('canonical_messages') }}
    where campaign_id is not null

),

flow_messages as (

    select * from {{ ref('int_campaigns__flow_messages') }}

),

-- A variation of a test is a message of its own, or a variation that the event names.
variations as (

    select message_id as variation_id
    from {{ ref('canonical_messages') }}
    where is_variation

),

service_campaigns as (

    select campaign_id
    from {{ ref('canonical_campaigns') }}
    where {{ has_tag('tags', var('service_flow_tag')) }}

),

service_flows as (

    select flow_id
    from {{ ref('int_campaigns__flows') }}
    where is_service

),

-- What a message is says the message, or a tag of its campaign: it need not be marketing, whatever the event says. Of
-- a flow that is not known at all the policy says it.
touchpoints as (

    select
        events.source,
        events.touchpoint_id,
        events.occurred_at,
        events.message_id,
        events.coupon_upc,
        events.product_id,
        events.question,
        events.answer,
        coalesce(events.variation_id, variations.variation_id) as variation_id,
        contact_map.customer_id,
        -- what came back belongs to where it was bought, which the metric cannot know
        case
            when events.event_type = 'returned' then coalesce(refunds.channel, events.channel)
            else events.channel
        end as channel,
        events.direction,
        case
            when events.is_automated or clicks_by_robots.event_id is not null then 'automated'
            else events.actor
        end as actor,
        events.event_type,
        events.is_marketing_contact,
        coalesce(campaign_of_message.campaign_id, events.campaign_id) as sent_campaign_id,
        coalesce(events.flow_id, flow_messages.flow_id) as sent_flow_id,
        case
            when coalesce(events.message_class, '') <> 'marketing' then events.message_class
            when flow_messages.message_id is not null then flow_messages.message_class
            when service_flows.flow_id is not null or service_campaigns.campaign_id is not null then 'service'
            when events.flow_id is not null then {{ sql_text(var('unknown_message_class')) }}
            else 'marketing'
        end as message_class
    from events
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            events.source = contact_map.source
            and events.contact_id = contact_map.source_record_id
    left join campaign_of_message on events.message_id = campaign_of_message.message_id
    left join {{ ref('int_orders__refund_events') }} as refunds
        on events.source = refunds.source and events.event_id = refunds.event_id
    left join flow_messages on events.message_id = flow_messages.message_id
    left join variations on events.message_id = variations.variation_id
    left join service_flows on events.flow_id = service_flows.flow_id
    left join service_campaigns
        on coalesce(campaign_of_message.campaign_id, events.campaign_id) = service_campaigns.campaign_id
    left join {{ ref('int_touchpoints__clicks_by_robots') }} as clicks_by_robots
        on events.source = clicks_by_robots.source and events.event_id = clicks_by_robots.event_id

)

select
    touchpoint_id,
    customer_id,
    occurred_at,
    channel,
    direction,
    actor,
    message_class,
    event_type,
    is_marketing_contact and message_class = 'marketing' as is_marketing_contact,
    source,
    sent_campaign_id as campaign_id,
    sent_flow_id as flow_id,
    message_id,
    variation_id,
    cast(null as string) as order_id,
    coupon_upc,
    product_id,
    cast(null as string) as owner_id,
    question,
    answer,
    cast(null as string) as answer_mood
from touchpoints
