{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'customer_id', 'has_reporting_currency': true},
        pre_hook="{{ follow_customers(
            [ref('fct_touchpoints'), ref('fct_orders'), ref('fct_campaign_orders')]
        ) }}"
    )
}}

{% set channels = ['email', 'sms', 'push'] %}
{% set answers = "event_type in ('clicked', 'redeemed', 'replied') and not is_by_robot" %}

with

customers as (

    select customer_id
    from {{ ref('int_identity__customers') }}
    where {{ is_of_touched_customer() }}

),

-- What the firm's marketing sent them, and what came back by itself or to one of its messages.
touchpoints as (

    select
        customer_id,
        touchpoint_id,
        occurred_at,
        channel,
        event_type,
        campaign_id,
        flow_id,
        is_marketing_contact,
        {{ is_by_robot() }} as is_by_robot
    from {{ ref('fct_touchpoints') }}
    where
        {{ is_of_touched_customer() }}
        and (
            is_marketing_contact
            or (event_type = 'bounced' and message_class = 'marketing')
            or (
                direction = 'inbound'
                and event_type in (
                    'opened', 'clicked', 'redeemed', 'replied', 'unsubscribed', 'complained'
                )
                and (campaign_id is not null or flow_id is not null or message_id is not null)
            )
        )

),

marketed as (

    select
        customer_id,
        {% for which, extreme, those in [
            ('first_contact', 'min', 'is_marketing_contact'),
            ('last_contact', 'max', 'is_marketing_contact'),
            ('last_response', 'max', answers),
        ] %}
        {{ extreme }}(occurred_at) filter (where {{ those }}) as {{ which }}_at,
        {{ extreme }}_by(
            {{ record_of(['event_type', 'channel', 'campaign_id', 'flow_id']) }},
            (occurred_at, touchpoint_id)
        ) filter (where {{ those }}) as {{ which }},
        {% endfor %}
        count(*) filter (where is_marketing_contact) as delivered_count,
        count(*) filter (where event_type = 'bounced') as bounced_count,
        {% for channel in channels %}
        count(*) filter (where is_marketing_contact and channel = '{{ channel }}')
            as {{ channel }}_delivered_count,
        count(*) filter (where event_type = 'bounced' and channel = '{{ channel }}')
            as {{ channel }}_bounced_count,
        {% endfor %}
        {% for event in ['opened', 'clicked', 'replied', 'redeemed', 'unsubscribed', 'complained'] %}
        count(*) filter (where event_type = '{{ event }}' and not is_by_robot) as {{ event }}_count,
        {% endfor %}
        count(*) filter (where event_type = 'opened' and is_by_robot) as machine_opened_count,
        count(*) filter (where event_type = 'clicked' and is_by_robot) as robot_clicked_count
    from touchpoints
    group by customer_id

),

ordered as (

    select
        orders.customer_id,
        count(*) filter (where orders.is_kept) as order_count,
        count(*) filter (
            where
            orders.is_kept
            and (campaign_orders.order_id is not null or flow_orders.order_id is not null)
        ) as attributed_order_count,
        count(*) filter (
            where orders.is_kept and orders.reporting_sales_amount is null
        ) as other_currency_order_count,
        -- what was left of an order that is none, or went back on a day of its own, is in the sums
        sum(orders.reporting_sales_amount) as sales_amount,
        sum(orders.reporting_sales_amount) filter (
            where campaign_orders.order_id is not null or flow_orders.order_id is not null
        ) as attributed_sales_amount
    from {{ ref('fct_orders') }} as orders
    left join {{ ref('fct_campaign_orders') }} as campaign_orders
        on orders.order_id = campaign_orders.order_id
    left join {{ ref('fct_flow_orders') }} as flow_orders
        on orders.order_id = flow_orders.order_id
    where {{ is_of_touched_customer('orders.customer_id') }}
    group by orders.customer_id

)

select
    customers.customer_id,
    {% for which in ['first', 'last'] %}
    marketed.{{ which }}_contact_at,
    {% for column in ['channel', 'campaign_id', 'flow_id'] %}
    cast(marketed.{{ which }}_contact.{{ column }} as string) as {{ which }}_contact_{{ column }},
    {% endfor %}
    {% endfor %}
    {% for scope in [''] + channels %}
    {%- set prefix = scope ~ '_' if scope else '' %}
    cast(
        coalesce(marketed.{{ prefix }}delivered_count + marketed.{{ prefix }}bounced_count, 0) as bigint
    ) as {{ prefix }}sent_count,
    cast(coalesce(marketed.{{ prefix }}delivered_count, 0) as bigint) as {{ prefix }}delivered_count,
    {% endfor %}
    {% for column in [
        'opened', 'machine_opened', 'clicked', 'robot_clicked', 'replied', 'redeemed', 'unsubscribed',
        'complained'
    ] %}
    cast(coalesce(marketed.{{ column }}_count, 0) as bigint) as {{ column }}_count,
    {% endfor %}
    marketed.last_response_at,
    {% for column in ['event_type', 'channel', 'campaign_id', 'flow_id'] %}
    cast(marketed.last_response.{{ column }} as string) as last_response_{{ column }},
    {% endfor %}
    cast(coalesce(ordered.order_count, 0) as bigint) as order_count,
    cast(coalesce(ordered.attributed_order_count, 0) as bigint) as attributed_order_count,
    cast(
        coalesce(ordered.order_count - ordered.attributed_order_count, 0) as bigint
    ) as organic_order_count,
    cast(coalesce(ordered.other_currency_order_count, 0) as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(coalesce(ordered.sales_amount, 0) as decimal(18, 3)) as sales_amount,
    cast(coalesce(ordered.attributed_sales_amount, 0) as decimal(18, 3)) as attributed_sales_amount,
    cast(
        coalesce(ordered.sales_amount, 0) - coalesce(ordered.attributed_sales_amount, 0)
        as decimal(18, 3)
    ) as organic_sales_amount
from customers
left join marketed on customers.customer_id = marketed.customer_id
left join ordered on customers.customer_id = ordered.customer_id
