-- A flow sends one message to one customer again and again, so its messages are counted, and not
-- its customers: what a customer did belongs to the last of them before it.
with

touchpoints as (

    select
        touchpoint_id,
        customer_id,
        occurred_at,
        touchpoint_date,
        channel,
        direction,
        message_class,
        event_type,
        is_marketing_contact,
        campaign_id,
        flow_id,
        {{ message_of_flow() }} as message_id,
        variation_id,
        {{ is_by_robot() }} as is_by_robot
    from {{ ref('fct_touchpoints') }}
    where flow_id is not null or (message_id is not null and variation_id is not null)

),

sends as (

    select
        touchpoint_id,
        customer_id,
        campaign_id,
        flow_id,
        message_id,
        variation_id,
        channel,
        message_class,
        is_marketing_contact,
        occurred_at as sent_at,
        touchpoint_date as sent_date,
        event_type = 'bounced' as is_bounced,
        lead(occurred_at) over (
            partition by customer_id, message_id
            order by occurred_at nulls last, touchpoint_id nulls last
        ) as next_sent_at
    from touchpoints
    where direction = 'outbound' and event_type in ('sent', 'delivered', 'bounced')

),

reactions as (

    select
        sends.touchpoint_id,
        {% for event in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
        bool_or(acts.event_type = '{{ event }}' and not acts.is_by_robot) as has_{{ event }},
        {% endfor %}
        bool_or(acts.event_type = 'opened' and acts.is_by_robot) as has_machine_opened,
        bool_or(acts.event_type = 'clicked' and acts.is_by_robot) as has_robot_clicked,
        min(acts.occurred_at) filter (
            where acts.event_type in ('clicked', 'replied') and not acts.is_by_robot
        ) as answered_at
    from sends
    inner join touchpoints as acts
        on
            sends.customer_id = acts.customer_id
            and sends.message_id = acts.message_id
            and sends.sent_at <= acts.occurred_at
            and (sends.next_sent_at is null or sends.next_sent_at > acts.occurred_at)
    where acts.direction = 'inbound' and not sends.is_bounced
    group by sends.touchpoint_id

)

select
    sends.touchpoint_id,
    sends.customer_id,
    sends.campaign_id,
    sends.flow_id,
    sends.message_id,
    sends.variation_id,
    sends.channel,
    sends.message_class,
    sends.is_marketing_contact,
    sends.sent_at,
    sends.sent_date,
    not sends.is_bounced as is_delivered,
    sends.is_bounced,
    {% for event in [
        'opened', 'machine_opened', 'clicked', 'robot_clicked', 'replied', 'unsubscribed', 'complained'
    ] %}
    coalesce(reactions.has_{{ event }}, false) as has_{{ event }},
    {% endfor %}
    reactions.answered_at
from sends
left join reactions on sends.touchpoint_id = reactions.touchpoint_id
