{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'month_date'},
        pre_hook="{{ follow_months([ref('fct_touchpoints'), ref('fct_orders')]) }}"
    )
}}

{% set events = [
    'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained',
    'visited', 'viewed', 'called', 'attempted', 'met', 'ticket_opened', 'surveyed', 'answered', 'ordered',
    'returned', 'redeemed'
] %}

with

-- Read once by each of the three: of all history, kept, it would be a second copy of the fact.
touchpoints as {{ 'materialized' if is_incremental() else 'not materialized' }} (

    select
        cast(date_trunc('month', touchpoint_date) as date) as month_date,
        channel,
        customer_id,
        direction,
        actor,
        event_type,
        is_marketing_contact,
        order_id,
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

customers as (

    select
        month_date,
        channel,
        count(*) as customer_count,
        count(*) filter (where was_reached) as reached_customer_count,
        count(*) filter (where was_active) as active_customer_count
    from (
        select
            month_date,
            channel,
            customer_id,
            bool_or(direction = 'outbound') as was_reached,
            bool_or(direction = 'inbound' and not is_by_robot) as was_active
        from touchpoints
        group by month_date, channel, customer_id
    ) as customer_months
    group by month_date, channel

),

sales as (

    select
        touchpoints.month_date,
        touchpoints.channel,
        count(*) filter (
            where orders.currency_code <> '{{ var("reporting_currency") }}'
        ) as other_currency_order_count,
        sum(orders.sales_amount) filter (
            where orders.currency_code = '{{ var("reporting_currency") }}'
        ) as sales_amount
    from touchpoints
    inner join {{ ref('fct_orders') }} as orders on touchpoints.order_id = orders.order_id
    where touchpoints.event_type = 'ordered'
    group by touchpoints.month_date, touchpoints.channel

)

select
    counted.month_date,
    cast(counted.channel as varchar) as channel,
    cast(customers.customer_count as bigint) as customer_count,
    cast(customers.reached_customer_count as bigint) as reached_customer_count,
    cast(customers.active_customer_count as bigint) as active_customer_count,
    {% for column in [
        'touchpoint', 'outbound', 'inbound', 'human_outbound', 'marketing_contact'
    ] + events + ['machine_opened', 'robot_clicked'] %}
    cast(counted.{{ column }}_count as bigint) as {{ column }}_count,
    {% endfor %}
    cast(coalesce(sales.other_currency_order_count, 0) as bigint) as other_currency_order_count,
    cast('{{ var("reporting_currency") }}' as varchar) as currency_code,
    cast(coalesce(sales.sales_amount, 0) as decimal(18, 2)) as sales_amount,
    cast(
        counted.automated_paid_count * {{ contact_cost('counted.channel', "'automated'") }}
        + counted.human_paid_count * {{ contact_cost('counted.channel', "'human'") }}
        as decimal(18, 2)
    ) as cost_amount
from counted
inner join customers
    on counted.month_date = customers.month_date and counted.channel = customers.channel
left join sales
    on counted.month_date = sales.month_date and counted.channel = sales.channel
