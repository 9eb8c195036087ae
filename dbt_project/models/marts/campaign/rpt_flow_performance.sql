with

known as (

    select * from {{ ref('int_campaigns__flow_messages') }}
    where flow_id is not null

),

-- A flow is known by itself: what it sends may be known as another's, or not yet at all.
flows as (

    select * from {{ ref('int_campaigns__flows') }}

),

sent as (

    select
        flow_id,
        message_id,
        max(channel) as channel,
        max(message_class) as message_class,
        {{ count_sends() }}
    from {{ ref('fct_message_sends') }}
    where flow_id is not null
    group by flow_id, message_id

),

dropped as (

    select
        flow_id,
        {{ message_of_flow() }} as flow_message_id,
        max(channel) as channel,
        max(message_class) as message_class,
        count(*) as dropped_count
    from {{ ref('int_touchpoints__told') }}
    where event_type = 'dropped' and flow_id is not null
    group by flow_id, flow_message_id

),

credited as (

    select
        flow_id,
        message_id,
        {{ count_credited() }}
    from {{ ref('fct_flow_orders') }}
    where is_credited
    group by flow_id, message_id

),

-- Of a test the message that it began with; and one that was deleted since was sent all the same.
messages as (

    select
        flow_id,
        message_id
    from known
    where message_id = first_message_id
    union
    select
        flow_id,
        message_id
    from sent
    union
    select
        flow_id,
        flow_message_id
    from dropped

),

counted as (

    select
        messages.flow_id,
        messages.message_id,
        flows.flow_name,
        flows.flow_status,
        known.message_name,
        coalesce(known.channel, sent.channel, dropped.channel) as channel,
        coalesce(known.message_class, sent.message_class, dropped.message_class) as message_class,
        sent.first_sent_date,
        sent.last_sent_date,
        coalesce(sent.reached_customer_count, 0) as reached_customer_count,
        {% for column in send_counts() %}
        coalesce(sent.{{ column }}_count, 0) as {{ column }}_count,
        {% endfor %}
        coalesce(dropped.dropped_count, 0) as dropped_count,
        coalesce(credited.attributed_order_count, 0) as attributed_order_count,
        coalesce(credited.other_currency_order_count, 0) as other_currency_order_count,
        coalesce(credited.attributed_sales_amount, 0) as attributed_sales_amount
    from messages
    left join known on messages.message_id = known.message_id
    left join flows on messages.flow_id = flows.flow_id
    left join sent on messages.flow_id = sent.flow_id and messages.message_id = sent.message_id
    left join dropped
        on messages.flow_id = dropped.flow_id and messages.message_id = dropped.flow_message_id
    left join credited
        on messages.flow_id = credited.flow_id and messages.message_id = credited.message_id

)

select
    cast(flow_id as string) as flow_id,
    cast(message_id as string) as message_id,
    cast(flow_name as string) as flow_name,
    cast(flow_status as string) as flow_status,
    cast(message_name as string) as message_name,
    cast(channel as string) as channel,
    cast(message_class as string) as message_class,
    first_sent_date,
    last_sent_date,
    cast(reached_customer_count as bigint) as reached_customer_count,
    {% for column in send_counts() %}
    cast({{ column }}_count as bigint) as {{ column }}_count,
    {% endfor %}
    cast(dropped_count as bigint) as dropped_count,
    {{ credit_and_rates() }}
from counted
