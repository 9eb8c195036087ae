{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={
            'replaced_by': 'month_start_date',
            'of_customers': true,
            'noted': 'all',
            'has_reporting_currency': true,
        },
        pre_hook="{{ find_evidence_months(
            but_browsing(ref('fct_touchpoints')),
            [ref('fct_orders'), ref('fct_order_lines'), ref('dim_campaigns'), ref('dim_products')],
        ) }}"
    )
}}

{#- a return makes nobody recent -#}
{%- set acts = "direction = 'inbound' and event_type <> 'returned'" %}
{%- set letters = "event_type = 'replied' and channel in ('email', 'post', 'social')" %}
{%- set chats = "event_type = 'replied' and channel in ('chat', 'sms', 'push')" %}
{%- set calls = "(event_type = 'called' and direction = 'inbound') or event_type = 'met'" %}
{%- set staff = "direction = 'outbound' and actor = 'human' and event_type in ('sent', 'called', 'met')" %}
{%- set rated = "event_type = 'answered' and answer is not null" %}

with

-- Opening and looking around are left out: they are the bulk, and no evidence of anything here.
touchpoints as (

    select
        *,
        cast(date_trunc('month', touchpoint_date) as date) as month_start_date
    from {{ ref('fct_touchpoints') }}
    where
        event_type not in ('opened', 'visited', 'viewed', 'bounced', 'attempted')
        and not {{ is_by_robot() }}
        {% if is_incremental() %}
        and {{ is_in_touched_month('touchpoint_date') }}
        {% endif %}

),

campaigns as (

    select
        campaign_id,
        coalesce(content_kind = 'price_offer', coupon_count > 0) as is_offer,
        coalesce(content_kind = 'advice', false) as is_advice
    from {{ ref('dim_campaigns') }}

),

counted as (

    select
        touchpoints.customer_id,
        touchpoints.month_start_date,
        min(touchpoints.touchpoint_date) as first_evidence_date,
        max(touchpoints.touchpoint_date) as last_evidence_date,
        min(touchpoint_date) filter (where {{ acts }}) as first_act_date,
        max(touchpoint_date) filter (where {{ acts }}) as last_act_date,
        min(touchpoint_date) filter (where event_type = 'ordered') as first_order_date,
        max(touchpoint_date) filter (where event_type = 'ordered') as last_order_date,
        count(*) filter (where is_marketing_contact) as message_count,
        count(*) filter (where is_marketing_contact and campaigns.is_offer) as offer_message_count,
        count(*) filter (where is_marketing_contact and campaigns.is_advice) as advice_message_count,
        count(distinct coalesce(touchpoints.campaign_id, message_id, touchpoint_id)) filter (
            where event_type in ('clicked', 'redeemed')
        ) as answer_count,
        count(*) filter (where event_type = 'ordered') as order_count,
        count(*) filter (where event_type = 'ordered' and channel <> 'web') as store_order_count,
        count(*) filter (where {{ letters }}) as letter_count,
        count(*) filter (where {{ chats }}) as chat_count,
        count(*) filter (where {{ calls }}) as call_count,
        count(*) filter (where event_type = 'ticket_opened') as ticket_count,
        count(*) filter (where {{ rated }} and source in {{ sources_with(['surveys'], ['hubspot']) }}) as survey_count,
        count(*) filter (where {{ staff }}) as staff_contact_count,
        count(*) filter (
            where event_type = 'ticket_closed' and answer = 'negative'
        ) as unhappy_ticket_count,
        count(*) filter (
            where event_type = 'ticket_closed' and answer = 'positive'
        ) as happy_ticket_count,
        count(*) filter (where answer_mood = 'unhappy') as unhappy_survey_count,
        count(*) filter (where answer_mood = 'happy') as happy_survey_count,
        count(*) filter (
            where answer_mood = 'neutral' or (event_type = 'ticket_closed' and answer = 'neutral')
        ) as neutral_answer_count,
        max_by({{ survey_dissatisfaction() }}, (occurred_at, touchpoint_id)) filter (
            where event_type = 'answered' and answer_mood is not null
        ) as last_dissatisfaction,
        count(*) filter (where event_type = 'returned') as return_count,
        sum(
            case
                when is_marketing_contact or ({{ staff }})
                    then cast({{ contact_cost('channel', 'actor') }} as decimal(18, 2))
                else 0
            end
        ) as contact_cost_amount
    from touchpoints
    left join campaigns on touchpoints.campaign_id = campaigns.campaign_id
    group by touchpoints.customer_id, touchpoints.month_start_date

),

-- A tool tells one refusal several times: as the click and as the status that came of it, or as a complaint and
-- the unsubscription that it made of it. What it tells within some hours is one, a complaint if any of it is.
told_refusals as (

    select
        customer_id,
        month_start_date,
        source,
        channel,
        event_type,
        occurred_at,
        touchpoint_id,
        coalesce(
            {{ hours_between('lag(occurred_at) over told', 'occurred_at') }} > {{ var('one_refusal_hours') }}, true
        ) as is_another
    from touchpoints
    where event_type in ('complained', 'unsubscribed')
    window told as (
        partition by customer_id, month_start_date, source, channel
        order by occurred_at nulls last, touchpoint_id nulls last
    )

),

numbered_refusals as (

    select
        customer_id,
        month_start_date,
        source,
        channel,
        event_type,
        sum(case when is_another then 1 else 0 end) over (
            partition by customer_id, month_start_date, source, channel
            order by occurred_at nulls last, touchpoint_id nulls last
            rows between unbounded preceding and current row
        ) as refusal_number
    from told_refusals

),

refusals as (

    select
        customer_id,
        month_start_date,
        count(*) filter (where is_complaint) as complaint_count,
        count(*) filter (where not is_complaint) as unsubscription_count
    from (
        select
            customer_id,
            month_start_date,
            bool_or(event_type = 'complained') as is_complaint
        from numbered_refusals
        group by customer_id, month_start_date, source, channel, refusal_number
    ) as once
    group by customer_id, month_start_date

),

-- What they wrote and when a person next wrote or called back: worth 100 at once, 50 after the
-- half-life, nothing when nobody did in time.
exchanges as (

    select
        customer_id,
        month_start_date,
        direction,
        occurred_at,
        min(case when direction = 'outbound' then occurred_at end) over (
            partition by customer_id
            order by occurred_at nulls last, direction nulls last
            rows between 1 following and unbounded following
        ) as answered_at
    from (
        select
            customer_id,
            cast(date_trunc('month', touchpoint_date) as date) as month_start_date,
            direction,
            occurred_at
        from {{ ref('fct_touchpoints') }}
        where
            (({{ letters }}) or ({{ chats }}) or ({{ staff }}))
            {% if is_incremental() %}
            and touchpoint_date <= (
                select last_day(max(touched.month_start_date)) + {{ var('answer_within_days') + 1 }}
                from {{ touched_days() }} as touched
            )
            and touchpoint_date >= (
                select min(touched.month_start_date) from {{ touched_days() }} as touched
            )
            and {{ is_of_touched_customer() }}
            {% endif %}
    ) as written

),

answered as (

    select
        customer_id,
        month_start_date,
        count(*) as written_count,
        count(*) filter (
            where {{ hours_between('occurred_at', 'answered_at') }} <= 24 * {{ var('answer_within_days') }}
        ) as answered_count,
        sum(
            case
                when {{ hours_between('occurred_at', 'answered_at') }} <= 24 * {{ var('answer_within_days') }}
                    then
                        cast(
                            round(
                                100 * power(
                                    2.0,
                                    -{{ hours_between('occurred_at', 'answered_at') }}
                                    / {{ var('answer_half_life_hours') }}
                                )
                            ) as integer
                        )
                else 0
            end
        ) as answer_points
    from exchanges
    where direction = 'inbound'
    group by customer_id, month_start_date

),

orders as (

    select
        customer_id,
        cast(date_trunc('month', order_date) as date) as month_start_date,
        count(*) filter (
            where
            is_kept
            and (
                coupon_discount_amount > 0
                or (
                    discounted_sales_amount > 0
                    and discounted_sales_amount
                    >= {{ var('discounted_order_least_share') }} * sales_amount
                )
            )
        ) as discounted_order_count,
        min(order_date) as first_sale_date,
        max(order_date) as last_sale_date,
        sum(reporting_sales_amount) as sales_amount
    from {{ ref('fct_orders') }}
    where
        customer_id is not null
        {% if is_incremental() %}
        and {{ is_in_touched_month('order_date') }}
        {% endif %}
    group by customer_id, date_trunc('month', order_date)

),

-- One of 60 bits per category: sets of categories that can be united over any months. How many
-- there are is estimated from the bits (linear counting).
products as (

    select
        product_id,
        cast(1 as bigint)
        << cast(floor(60 * {{ hash_share('product_category') }}) as integer) as category_bit
    from {{ ref('dim_products') }}
    where product_category is not null and product_class = 'goods'

),

-- What there is to choose from; products that left the catalogue say nothing about it.
offered as (

    select count(distinct product_category) as category_count
    from {{ ref('dim_products') }}
    where is_in_catalogue and product_class = 'goods'

),

lines as (

    select
        customer_id,
        order_date,
        product_id
    from {{ ref('fct_order_lines') }}
    where
        is_kept
        and customer_id is not null
        {% if is_incremental() %}
        and {{ is_in_touched_month('order_date') }}
        {% endif %}

),

baskets as (

    select
        lines.customer_id,
        cast(date_trunc('month', lines.order_date) as date) as month_start_date,
        bit_or(products.category_bit) as category_bits
    from lines
    inner join products on lines.product_id = products.product_id
    group by lines.customer_id, date_trunc('month', lines.order_date)

),

crm as (

    select *
    from {{ ref('int_relationship__crm_months') }}
    {% if is_incremental() %}
    where {{ is_touched('month_start_date') }}
    {% endif %}

),

-- A month may hold nothing but a deal, or a sale that is no touchpoint, as of fees or a gift card.
months as (

    select customer_id, month_start_date
    from counted
    union
    select customer_id, month_start_date
    from crm
    union
    select customer_id, month_start_date
    from orders
    where sales_amount <> 0

)

select
    months.customer_id,
    months.month_start_date,
    coalesce(counted.first_evidence_date, orders.first_sale_date, months.month_start_date)
        as first_evidence_date,
    coalesce(counted.last_evidence_date, orders.last_sale_date, months.month_start_date)
        as last_evidence_date,
    counted.first_act_date,
    counted.last_act_date,
    counted.first_order_date,
    counted.last_order_date,
    {% for count in [
        'message', 'offer_message', 'advice_message', 'answer', 'order', 'store_order', 'letter',
        'chat', 'call', 'ticket', 'survey', 'staff_contact', 'unhappy_ticket', 'happy_ticket',
        'unhappy_survey', 'happy_survey', 'neutral_answer', 'return',
    ] %}
    cast(coalesce(counted.{{ count }}_count, 0) as integer) as {{ count }}_count,
    {% endfor %}
    cast(coalesce(refusals.complaint_count, 0) as integer) as complaint_count,
    cast(coalesce(refusals.unsubscription_count, 0) as integer) as unsubscription_count,
    counted.last_dissatisfaction,
    cast(coalesce(orders.discounted_order_count, 0) as integer) as discounted_order_count,
    cast(coalesce(baskets.category_bits, 0) as bigint) as category_bits,
    cast(offered.category_count as integer) as offered_category_count,
    cast(coalesce(answered.written_count, 0) as integer) as written_count,
    cast(coalesce(answered.answered_count, 0) as integer) as answered_count,
    cast(coalesce(answered.answer_points, 0) as integer) as answer_points,
    cast(coalesce(crm.deal_count, 0) as integer) as deal_count,
    cast(coalesce(crm.mishandled_ticket_count, 0) as integer) as mishandled_ticket_count,
    {{ reporting_currency() }} as currency_code,
    cast(coalesce(orders.sales_amount, 0) as decimal(18, 3)) as sales_amount,
    cast(coalesce(counted.contact_cost_amount, 0) as decimal(18, 2)) as contact_cost_amount
from months
cross join offered
left join counted
    on months.customer_id = counted.customer_id and months.month_start_date = counted.month_start_date
left join refusals
    on months.customer_id = refusals.customer_id and months.month_start_date = refusals.month_start_date
left join crm
    on months.customer_id = crm.customer_id and months.month_start_date = crm.month_start_date
left join orders
    on months.customer_id = orders.customer_id and months.month_start_date = orders.month_start_date
left join baskets
    on months.customer_id = baskets.customer_id and months.month_start_date = baskets.month_start_date
left join answered
    on months.customer_id = answered.customer_id
    and months.month_start_date = answered.month_start_date
{% if not is_incremental() %}
-- so that a night, which looks for a month or two, skips the others
order by months.month_start_date nulls last
{% endif %}
