with

-- Read several times for a few columns each.
events as not materialized (

    select * from {{ ref('stg_klaviyo__events') }}

),

metrics as (

    select * from {{ ref('stg_klaviyo__metrics') }}

),

meanings as (

    select * from {{ ref('klaviyo_metrics') }}
    where is_touchpoint or event_type = 'dropped'

),

campaign_of_message as (

    select
        message_id,
        campaign_id
    from {{ ref('canonical_messages') }}
    where source = 'klaviyo' and campaign_id is not null

),

-- A filter of the recipient's mail opens every link as soon as a message comes, to see what is
-- behind it. Where the tool does not say of a click whose it was, so many links of one message
-- within so many seconds of its delivery were no person's.
unflagged_clicks as (

    select
        events.event_id,
        events.profile_id,
        events.message_id,
        events.clicked_url,
        events.occurred_at
    from events
    inner join metrics on events.metric_id = metrics.metric_id
    inner join meanings on metrics.metric_name = meanings.metric_name
    where
        meanings.event_type = 'clicked'
        and events.is_bot_click is null
        and events.message_id is not null
        and events.clicked_url is not null

),

-- Few messages have so many links clicked at all: only of these is it asked when they came.
messages_with_many_clicks as (

    select
        profile_id,
        message_id
    from unflagged_clicks
    group by profile_id, message_id
    having count(distinct clicked_url) >= {{ var('robot_least_links') }}

),

deliveries as (

    select
        events.profile_id,
        events.message_id,
        min(events.occurred_at) as delivered_at
    from events
    inner join metrics on events.metric_id = metrics.metric_id
    inner join meanings on metrics.metric_name = meanings.metric_name
    inner join messages_with_many_clicks as clicked
        on events.profile_id = clicked.profile_id and events.message_id = clicked.message_id
    where meanings.event_type = 'delivered'
    group by events.profile_id, events.message_id

),

clicks_at_once as (

    select
        unflagged_clicks.event_id,
        unflagged_clicks.profile_id,
        unflagged_clicks.message_id,
        unflagged_clicks.clicked_url
    from unflagged_clicks
    inner join deliveries
        on
            unflagged_clicks.profile_id = deliveries.profile_id
            and unflagged_clicks.message_id = deliveries.message_id
            and unflagged_clicks.occurred_at >= deliveries.delivered_at
            and unflagged_clicks.occurred_at
            <= deliveries.delivered_at + interval {{ var('robot_most_seconds') }} second

),

messages_of_robots as (

    select
        profile_id,
        message_id
    from clicks_at_once
    group by profile_id, message_id
    having count(distinct clicked_url) >= {{ var('robot_least_links') }}

),

clicks_by_robots as (

    select clicks_at_once.event_id
    from clicks_at_once
    inner join messages_of_robots as followed
        on
            clicks_at_once.profile_id = followed.profile_id
            and clicks_at_once.message_id = followed.message_id

),

flow_messages as (

    select * from {{ ref('int_campaigns__flow_messages') }}

),

-- A variation of a test is a message of its own, or a variation that the event names.
variations as (

    select message_id as variation_id
    from {{ ref('canonical_messages') }}
    where source = 'klaviyo' and is_variation

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

-- What a message is says the message, or a tag of its campaign: it need not be marketing, whatever its metric. Of
-- a flow that is not known at all the policy says it.
touchpoints as (

    select
        events.* exclude (variation_id),
        coalesce(events.variation_id, variations.variation_id) as variation_id,
        contact_map.customer_id,
        -- what came back belongs to where it was bought, which the metric cannot know
        case
            when meanings.event_type = 'returned' then coalesce(refunds.channel, meanings.channel)
            else meanings.channel
        end as channel,
        meanings.direction,
        case
            when meanings.event_type = 'opened' and events.is_machine_open then 'automated'
            when
                meanings.event_type = 'clicked'
                and (events.is_bot_click or clicks_by_robots.event_id is not null)
                then 'automated'
            else meanings.actor
        end as actor,
        meanings.event_type,
        meanings.is_marketing_contact,
        coalesce(campaign_of_message.campaign_id, events.campaign_id) as sent_campaign_id,
        coalesce(events.flow_id, flow_messages.flow_id) as sent_flow_id,
        case
            when coalesce(meanings.message_class, '') <> 'marketing' then meanings.message_class
            when flow_messages.message_id is not null then flow_messages.message_class
            when service_flows.flow_id is not null or service_campaigns.campaign_id is not null then 'service'
            when events.flow_id is not null then {{ sql_text(var('unknown_message_class')) }}
            else 'marketing'
        end as message_class
    from events
    inner join metrics on events.metric_id = metrics.metric_id
    inner join meanings on metrics.metric_name = meanings.metric_name
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on events.profile_id = contact_map.source_record_id and contact_map.source = 'klaviyo'
    left join campaign_of_message on events.message_id = campaign_of_message.message_id
    left join {{ ref('int_orders__refund_events') }} as refunds
        on events.event_id = refunds.event_id
    left join flow_messages on events.message_id = flow_messages.message_id
    left join variations on events.message_id = variations.variation_id
    left join service_flows on events.flow_id = service_flows.flow_id
    left join service_campaigns
        on coalesce(campaign_of_message.campaign_id, events.campaign_id) = service_campaigns.campaign_id
    left join clicks_by_robots on events.event_id = clicks_by_robots.event_id

)

select
    'klaviyo:' || event_id as touchpoint_id,
    customer_id,
    occurred_at,
    channel,
    direction,
    actor,
    message_class,
    event_type,
    is_marketing_contact and message_class = 'marketing' as is_marketing_contact,
    'klaviyo' as source,
    sent_campaign_id as campaign_id,
    sent_flow_id as flow_id,
    message_id,
    variation_id,
    null as order_id,
    coupon_upc,
    product_id,
    null as owner_id,
    pulse_question as question,
    pulse_answer as answer,
    null as answer_mood
from touchpoints
