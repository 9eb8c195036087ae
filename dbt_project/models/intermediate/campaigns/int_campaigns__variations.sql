-- What marketers call the messages that may be variations of a test, and which are: each is a
-- message of its own in the tool that sends it. Klaviyo names no test of a campaign: of several
-- messages of one channel each recipient gets one. Those of a flow have the step that sends them in
-- common.
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
            unnest(message_ids) as message_id
        from {{ ref('stg_klaviyo__campaigns') }}
    ) as messages
    group by message_id

),

told as (

    select * from {{ ref('stg_klaviyo__campaign_messages') }}

),

messages as (

    select
        coalesce(listed.message_id, told.message_id) as variation_id,
        told.message_name as variation_name,
        'campaign ' || coalesce(listed.campaign_id, told.campaign_id)
        || ' by ' || coalesce(told.channel, listed.channel, '') as sent_as
    from listed
    full outer join told on listed.message_id = told.message_id
    union all
    select
        message_id as variation_id,
        message_name as variation_name,
        'step of ' || first_message_id as sent_as
    from {{ ref('int_campaigns__flow_messages') }}

)

select
    variation_id,
    variation_name,
    sent_as is not null and count(*) over (partition by sent_as) > 1 as is_tested
from messages
union all
select
    variation_id,
    max(message_name) as variation_name,
    true as is_tested
from {{ ref('int_campaigns__hubspot_sendings') }}
where variation_id is not null
group by variation_id
