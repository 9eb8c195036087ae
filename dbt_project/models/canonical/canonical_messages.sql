-- Klaviyo names no test of a campaign: of several messages of one channel each recipient gets one.
-- Those of a flow have the step that sends them in common, which may be known before they are.
with

listed as (

    select
        message_id,
        min(campaign_id) as campaign_id,
        min(channel) as channel
    from (
        select
            campaign_id,
            channel,
            {{ unnested('message_ids') }} as message_id
        from {{ ref('stg_klaviyo__campaigns') }}
    ) as messages
    group by message_id

),

told as (

    select * from {{ ref('stg_klaviyo__campaign_messages') }}

),

steps as (

    select * from {{ ref('stg_klaviyo__flow_actions') }}

),

of_steps as (

    select * from {{ ref('stg_klaviyo__flow_messages') }}

),

messages as (

    select
        'klaviyo' as source,
        'campaign' as sent_by,
        coalesce(listed.message_id, told.message_id) as message_id,
        coalesce(listed.campaign_id, told.campaign_id) as campaign_id,
        cast(null as string) as flow_id,
        coalesce(told.channel, listed.channel) as channel,
        told.message_name,
        'campaign ' || coalesce(listed.campaign_id, told.campaign_id)
        || ' by ' || coalesce(told.channel, listed.channel, '') as sent_as,
        cast(null as string) as first_message_id,
        cast(null as boolean) as is_variation,
        cast(null as boolean) as is_transactional
    from listed
    full outer join told on listed.message_id = told.message_id
    union all
    select
        'klaviyo' as source,
        'flow' as sent_by,
        of_steps.message_id,
        cast(null as string) as campaign_id,
        coalesce(of_steps.flow_id, steps.flow_id) as flow_id,
        of_steps.channel,
        coalesce(of_steps.message_name, steps.message_name) as message_name,
        'step of ' || coalesce(steps.message_id, of_steps.message_id) as sent_as,
        -- a test has several messages, and is known by the one that it began with
        coalesce(steps.message_id, of_steps.message_id) as first_message_id,
        cast(null as boolean) as is_variation,
        coalesce(of_steps.is_transactional, steps.is_transactional) as is_transactional
    from of_steps
    left join steps on of_steps.action_id = steps.action_id
    union all
    select
        'klaviyo' as source,
        'flow' as sent_by,
        steps.message_id,
        cast(null as string) as campaign_id,
        min(steps.flow_id) as flow_id,
        cast(null as string) as channel,
        min(steps.message_name) as message_name,
        'step of ' || steps.message_id as sent_as,
        steps.message_id as first_message_id,
        cast(null as boolean) as is_variation,
        bool_and(steps.is_transactional) as is_transactional
    from steps
    left join of_steps on steps.message_id = of_steps.message_id
    where steps.message_id is not null and of_steps.message_id is null
    group by steps.message_id
    union all
    select
        'hubspot' as source,
        'campaign' as sent_by,
        message_id,
        min(campaign_id) as campaign_id,
        cast(null as string) as flow_id,
        'email' as channel,
        max(message_name) as message_name,
        min(campaign_id) as sent_as,
        cast(null as string) as first_message_id,
        bool_or(variation_id is not null) as is_variation,
        bool_and(message_class = 'transactional') as is_transactional
    from {{ ref('map_hubspot__sendings') }}
    group by message_id
    union all
    select
        source,
        sent_by,
        message_id,
        campaign_id,
        flow_id,
        channel,
        message_name,
        message_id as sent_as,
        first_message_id,
        is_variation,
        is_transactional
    from {{ ref('base_mapped__messages') }}
    where {{ is_staged() }}

)

select
    source,
    message_id,
    sent_by,
    campaign_id,
    flow_id,
    channel,
    message_name,
    coalesce(
        is_variation, sent_as is not null and count(*) over (partition by source, sent_as) > 1
    ) as is_variation,
    first_message_id,
    is_transactional
from messages
