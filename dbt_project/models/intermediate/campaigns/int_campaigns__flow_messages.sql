-- What each message of a flow is: one that follows an order, one that serves, or marketing. The
-- message says whether it is transactional; so does the step that sends it, and may be known first.
with

flows as (

    select * from {{ ref('int_campaigns__flows') }}

),

actions as (

    select * from {{ ref('stg_klaviyo__flow_actions') }}

),

messages as (

    select * from {{ ref('stg_klaviyo__flow_messages') }}

),

told as (

    select
        messages.message_id,
        coalesce(messages.flow_id, actions.flow_id) as flow_id,
        coalesce(messages.message_name, actions.message_name) as message_name,
        messages.channel,
        coalesce(messages.is_transactional, actions.is_transactional) as is_transactional,
        -- a test has several messages, and is known by the one that it began with
        coalesce(actions.message_id, messages.message_id) as first_message_id
    from messages
    left join actions on messages.action_id = actions.action_id
    union all
    select
        actions.message_id,
        any_value(actions.flow_id) as flow_id,
        any_value(actions.message_name) as message_name,
        null as channel,
        bool_and(actions.is_transactional) as is_transactional,
        actions.message_id as first_message_id
    from actions
    left join messages on actions.message_id = messages.message_id
    where actions.message_id is not null and messages.message_id is null
    group by actions.message_id

)

select
    told.message_id,
    told.flow_id,
    flows.flow_name,
    flows.flow_status,
    told.message_name,
    told.channel,
    told.first_message_id,
    case
        when told.is_transactional then 'transactional'
        when flows.is_service then 'service'
        else 'marketing'
    end as message_class
from told
left join flows on told.flow_id = flows.flow_id
