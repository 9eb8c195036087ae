-- By the rule of campaigns (fct_campaign_orders): within the days that a message of the channel may claim, one
-- that was answered goes before one that merely came later. A confirmation follows an order; it brings none.
with

orders as (

    select
        order_id,
        customer_id,
        ordered_at,
        order_date as ordered_date,
        currency_code,
        sales_amount,
        reporting_sales_amount
    from {{ ref('fct_orders') }}
    where is_kept and customer_id is not null

),

reached as (

    select
        touchpoint_id,
        customer_id,
        flow_id,
        message_id,
        variation_id,
        answered_at,
        sent_at as reached_at,
        sent_date as reached_date,
        {{ answer_days('channel') }} as window_days
    from {{ ref('fct_message_sends') }}
    where flow_id is not null and is_delivered and is_marketing_contact

),

held as (

    select
        orders.*,
        reached.touchpoint_id,
        reached.flow_id,
        reached.message_id,
        reached.variation_id,
        reached.reached_at,
        case when reached.answered_at <= orders.ordered_at then reached.answered_at end as answered_at
    from orders
    inner join reached
        on
            orders.customer_id = reached.customer_id
            and {{ is_answer_to('reached.reached', 'orders.ordered', 'reached.window_days') }}

)

select
    order_id,
    customer_id,
    ordered_date as order_date,
    currency_code,
    cast(sales_amount as decimal(18, 3)) as sales_amount,
    cast(reporting_sales_amount as decimal(18, 3)) as reporting_sales_amount,
    touchpoint_id,
    flow_id,
    message_id,
    variation_id,
    answered_at is not null as has_answer
from held
qualify
    row_number() over (
        partition by order_id
        order by answered_at desc nulls last, reached_at desc, touchpoint_id desc
    ) = 1
