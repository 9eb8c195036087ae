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

),

claims as (

    select *
    from held
    qualify
        row_number() over (
            partition by order_id
            order by answered_at desc nulls last, reached_at desc nulls last, touchpoint_id desc nulls last
        ) = 1

)

select
    claims.order_id,
    claims.customer_id,
    claims.ordered_date as order_date,
    claims.currency_code,
    cast(claims.sales_amount as decimal(18, 3)) as sales_amount,
    cast(claims.reporting_sales_amount as decimal(18, 3)) as reporting_sales_amount,
    claims.touchpoint_id,
    claims.flow_id,
    claims.message_id,
    claims.variation_id,
    claims.answered_at is not null as has_answer,
    -- a campaign claims it by the same rule, and has it where neither goes before the other
    case
        when campaigns.order_id is null then true
        when claims.answered_at is null and campaigns.last_answered_at is null
            then claims.reached_at > campaigns.last_reached_at
        when claims.answered_at is null then false
        when campaigns.last_answered_at is null then true
        else claims.answered_at > campaigns.last_answered_at
    end as is_credited
from claims
left join {{ ref('fct_campaign_orders') }} as campaigns on claims.order_id = campaigns.order_id
