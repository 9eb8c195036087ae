{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'order_date', 'noted': 'all'},
        pre_hook="{{ follow_days([ref('fct_orders'), ref('fct_campaign_recipients')]) }}"
    )
}}

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
    where
        is_kept
        and customer_id is not null
        {% if is_incremental() %}
        and order_date in (select touched.order_date from {{ touched_days() }} as touched)
        {% endif %}

),

reached as (

    select
        campaign_id,
        customer_id,
        reached_at,
        reached_date,
        window_days,
        offer_until_date
    from {{ ref('fct_campaign_recipients') }}
    where
        is_reached
        {% if is_incremental() %}
        and window_until_date >= (select min(orders.ordered_date) from orders)
        and reached_date <= (select max(orders.ordered_date) from orders)
        {% endif %}

),

held as (

    select
        orders.*,
        reached.campaign_id,
        reached.reached_at,
        reached.reached_date,
        reached.window_days
    from orders
    inner join reached
        on
            orders.customer_id = reached.customer_id
            and {{ is_answer_to(
                'reached.reached', 'orders.ordered', 'reached.window_days', 'reached.offer_until_date'
            ) }}

),

answers as (

    select
        campaign_id,
        customer_id,
        occurred_at as answered_at,
        touchpoint_date as answered_date
    from {{ ref('fct_touchpoints') }}
    where
        event_type in ('clicked', 'redeemed', 'replied')
        and campaign_id is not null
        and not {{ is_by_robot() }}
        {% if is_incremental() %}
        and touchpoint_date between (select min(orders.ordered_date) from orders) - {{ most_answer_days() }}
        and (select max(orders.ordered_date) from orders)
        {% endif %}

),

-- What the customer last did about each campaign before the order: a click, a coupon, a reply counts for
-- as long as a message does.
last_answers as (

    select
        held.order_id,
        held.campaign_id,
        max(answers.answered_at) as answered_at
    from held
    inner join answers
        on held.customer_id = answers.customer_id and held.campaign_id = answers.campaign_id
    where
        {{ is_not_before('answers.answered', 'held.reached') }}
        and {{ is_answer_to('answers.answered', 'held.ordered', 'held.window_days') }}
    group by held.order_id, held.campaign_id

)

select
    held.order_id,
    held.customer_id,
    held.ordered_date as order_date,
    held.currency_code,
    cast(held.sales_amount as decimal(18, 3)) as sales_amount,
    cast(held.reporting_sales_amount as decimal(18, 3)) as reporting_sales_amount,
    {{ sorted_list('array_agg(held.campaign_id)') }} as campaign_ids,
    coalesce(
        max_by(held.campaign_id, (last_answers.answered_at, held.reached_at, held.campaign_id)) filter (
            where last_answers.answered_at is not null
        ),
        max_by(held.campaign_id, (held.reached_at, held.campaign_id))
    ) as last_campaign_id,
    count(last_answers.answered_at) > 0 as has_answer,
    max(last_answers.answered_at) as last_answered_at,
    max(held.reached_at) as last_reached_at
from held
left join last_answers
    on held.order_id = last_answers.order_id and held.campaign_id = last_answers.campaign_id
group by
    held.order_id,
    held.customer_id,
    held.ordered_date,
    held.currency_code,
    held.sales_amount,
    held.reporting_sales_amount
