{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_date', 'has_reporting_currency': true},
        pre_hook="{{ follow_months([ref('fct_touchpoints'), ref('fct_orders')]) }}"
    )
}}

{% set events = [
    'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained',
    'visited', 'viewed', 'called', 'attempted', 'met', 'ticket_opened', 'surveyed', 'answered', 'ordered',
    'returned', 'redeemed'
] %}

with

touchpoints as (

    select
        cast(date_trunc('month', touchpoint_date) as date) as month_date,
        channel,
        customer_id,
        direction,
        actor,
        event_type,
        is_marketing_contact,
        {{ is_by_robot() }} as is_by_robot,
        -- what costs the firm something: each message, call or meeting of ours once
        direction = 'outbound'
        and (
            event_type in ('delivered', 'bounced', 'called', 'met', 'surveyed')
            or (event_type = 'sent' and (is_marketing_contact or actor = 'human'))
        ) as is_paid_for
    from {{ ref('fct_touchpoints') }}
    {% if is_incremental() %}
    where {{ is_in_touched_month('touchpoint_date') }}
    {% endif %}

),

counted as (

    select
        month_date,
        channel,
        count(*) as touchpoint_count,
        count(*) filter (where direction = 'outbound') as outbound_count,
        count(*) filter (where direction = 'inbound' and not is_by_robot) as inbound_count,
        count(*) filter (
            where direction = 'outbound' and actor = 'human' and event_type <> 'attempted'
        ) as human_outbound_count,
        count(*) filter (where is_marketing_contact) as marketing_contact_count,
        {% for event in events %}
        -- who leaves or complains does so once, however many lists and metrics tell of it
        count({{ 'distinct customer_id' if event in ['unsubscribed', 'complained'] else '*' }}) filter (
            where event_type = '{{ event }}' and not is_by_robot
        ) as {{ event }}_count,
        {% endfor %}
        count(*) filter (where event_type = 'opened' and is_by_robot) as machine_opened_count,
        count(*) filter (where event_type = 'clicked' and is_by_robot) as robot_clicked_count,
        count(*) filter (where is_paid_for and actor = 'automated') as automated_paid_count,
        count(*) filter (where is_paid_for and actor = 'human') as human_paid_count
    from touchpoints
    group by month_date, channel

),

-- Reads the fact itself: what is above, kept for both, would be a second copy of it.
customer_months as (

    select
        cast(date_trunc('month', touchpoint_date) as date) as month_date,
        channel,
        customer_id,
        bool_or(direction = 'outbound') as was_reached,
        bool_or(direction = 'inbound' and not {{ is_by_robot() }}) as was_active
    from {{ ref('fct_touchpoints') }}
    {% if is_incremental() %}
    where {{ is_in_touched_month('touchpoint_date') }}
    {% endif %}
    group by month_date, channel, customer_id

),

customers as (

    select
        month_date,
        channel,
        count(*) as customer_count,
        count(*) filter (where was_reached) as reached_customer_count,
        count(*) filter (where was_active) as active_customer_count
    from customer_months
    group by month_date, channel

),

orders as (

    select
        cast(date_trunc('month', order_date) as date) as month_date,
        channel,
        case when customer_id is null then 'guests' else 'customers' end as buyers,
        count(*) filter (where is_kept) as order_count,
        count(*) filter (where is_kept and reporting_sales_amount is null) as other_currency_order_count,
        sum(reporting_sales_amount) as sales_amount
    from {{ ref('fct_orders') }}
    {% if is_incremental() %}
    where {{ is_in_touched_month('order_date') }}
    {% endif %}
    group by month_date, channel, buyers

),

-- Guests are nobody's touchpoints, so of them there are orders only. A customer's order that was cancelled
-- is no touchpoint either, but has its place.
lines as (

    select
        coalesce(counted.month_date, orders.month_date) as month_date,
        coalesce(counted.channel, orders.channel) as channel,
        coalesce(orders.buyers, 'customers') as buyers,
        {% for column in [
            'touchpoint', 'outbound', 'inbound', 'human_outbound', 'marketing_contact',
            'automated_paid', 'human_paid'
        ] + (events | reject('equalto', 'ordered') | list) + ['machine_opened', 'robot_clicked'] %}
        counted.{{ column }}_count,
        {% endfor %}
        orders.order_count as ordered_count,
        orders.other_currency_order_count,
        orders.sales_amount
    from counted
    full outer join orders
        on
            orders.buyers = 'customers'
            and counted.month_date = orders.month_date
            and counted.channel = orders.channel

)

select
    lines.month_date,
    cast(lines.channel as string) as channel,
    cast(lines.buyers as string) as buyers,
    {% for column in ['customer', 'reached_customer', 'active_customer'] %}
    cast(coalesce(customers.{{ column }}_count, 0) as bigint) as {{ column }}_count,
    {% endfor %}
    {% for column in [
        'touchpoint', 'outbound', 'inbound', 'human_outbound', 'marketing_contact'
    ] + events + ['machine_opened', 'robot_clicked'] %}
    cast(coalesce(lines.{{ column }}_count, 0) as bigint) as {{ column }}_count,
    {% endfor %}
    cast(coalesce(lines.other_currency_order_count, 0) as bigint) as other_currency_order_count,
    {{ reporting_currency() }} as currency_code,
    cast(coalesce(lines.sales_amount, 0) as decimal(18, 3)) as sales_amount,
    cast(
        coalesce(lines.automated_paid_count, 0) * {{ contact_cost('lines.channel', "'automated'") }}
        + coalesce(lines.human_paid_count, 0) * {{ contact_cost('lines.channel', "'human'") }}
        as decimal(18, 2)
    ) as cost_amount
from lines
left join customers
    on
        lines.buyers = 'customers'
        and lines.month_date = customers.month_date
        and lines.channel = customers.channel
