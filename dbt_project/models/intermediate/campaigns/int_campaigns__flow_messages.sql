-- What each message of a flow is: one that follows an order, one that serves, or marketing.
select
    messages.message_id,
    messages.flow_id,
    flows.flow_name,
    flows.flow_status,
    messages.message_name,
    messages.channel,
    messages.first_message_id,
    case
        when messages.is_transactional then 'transactional'
        when flows.is_service then 'service'
        else 'marketing'
    end as message_class
from {{ ref('canonical_messages') }} as messages
left join {{ ref('int_campaigns__flows') }} as flows on messages.flow_id = flows.flow_id
where messages.sent_by = 'flow'
