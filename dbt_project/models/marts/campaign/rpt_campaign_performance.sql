with

campaigns as (

    select
        campaign_id,
        campaign_name,
        channel,
        send_date,
        -- coupons hold as long as they are valid; without them the policy says how long
        cast(
            coalesce(offer_until_date, send_date + {{ var('campaign_attribution_days') }} - 1)
            as date
        ) as window_until_date,
        offer_until_date is not null as has_offer_window
    from {{ ref('dim_campaigns') }}

),

touchpoints as not materialized (

    select
        campaign_id,
        customer_id,
        event_type,
        occurred_at,
        touchpoint_date,
        event_type = 'delivered' or (event_type = 'sent' and is_marketing_contact) as is_delivery
    from {{ ref('fct_touchpoints') }}
    where campaign_id is not null

),

-- However many messages or clicks there were: a customer is one recipient of a campaign.
recipients as (

    select
        campaign_id,
        customer_id,
        min(occurred_at) filter (where is_delivery) as reached_at,
        {% for event in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
        bool_or(event_type = '{{ event }}') as has_{{ event }},
        {% endfor %}
        bool_or(event_type = 'bounced') as has_bounced,
        bool_or(event_type in ('sent', 'delivered', 'bounced')) as was_sent_to
    from touchpoints
    group by campaign_id, customer_id

),

-- Windows are whole days: many a shop reports no hour, and a coupon is valid for a day.
reached as (

    select
        recipients.campaign_id,
        recipients.customer_id,
        recipients.reached_at,
        cast(recipients.reached_at as date) as reached_date,
        case
            when campaigns.has_offer_window then campaigns.window_until_date
            else
                cast(recipients.reached_at as date) + {{ var('campaign_attribution_days') }} - 1
        end as window_until_date
    from recipients
    inner join campaigns on recipients.campaign_id = campaigns.campaign_id
    where recipients.reached_at is not null

),

sendings as (

    select
        campaign_id,
        count(*) filter (where was_sent_to) as sent_count,
        count(reached_at) as delivered_count,
        count(*) filter (where has_bounced and reached_at is null) as bounced_count,
        {% for event in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
        count(*) filter (where has_{{ event }} and reached_at is not null) as {{ event }}_count,
        {% endfor %}
    from recipients
    group by campaign_id

),

redemptions as (

    select
        reached.campaign_id,
        count(*) as redemption_count,
        count(distinct reached.customer_id) as redeemed_count
    from reached
    inner join touchpoints
        on
            reached.campaign_id = touchpoints.campaign_id
            and reached.customer_id = touchpoints.customer_id
            and touchpoints.event_type = 'redeemed'
            and touchpoints.touchpoint_date between reached.reached_date and reached.window_until_date
    group by reached.campaign_id

),

window_orders as (

    select
        reached.campaign_id,
        reached.customer_id,
        reached.reached_at,
        orders.order_id,
        orders.currency_code = '{{ var("reporting_currency") }}' as is_summed,
        orders.sales_amount
    from reached
    inner join {{ ref('fct_orders') }} as orders
        on
            reached.customer_id = orders.customer_id
            and orders.order_date between reached.reached_date and reached.window_until_date

),

windows as (

    select
        campaign_id,
        count(*) as window_order_count,
        count(distinct customer_id) as ordered_count,
        count(*) filter (where not is_summed) as other_currency_order_count,
        sum(sales_amount) filter (where is_summed) as window_sales_amount
    from window_orders
    group by campaign_id

),

-- One order can lie in the windows of several campaigns; it is put down to the one that reached
-- the customer last, so that the campaigns together have no more orders than there were.
last_before_order as (

    select
        order_id,
        max_by(campaign_id, (reached_at, campaign_id)) as campaign_id,
        any_value(sales_amount) filter (where is_summed) as sales_amount
    from window_orders
    group by order_id

),

attributed as (

    select
        campaign_id,
        count(*) as attributed_order_count,
        sum(sales_amount) as attributed_sales_amount
    from last_before_order
    group by campaign_id

),

counted as (

    select
        campaigns.*,
        {% for column in [
            'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed',
            'complained'
        ] %}
        coalesce(sendings.{{ column }}_count, 0) as {{ column }}_count,
        {% endfor %}
        coalesce(redemptions.redeemed_count, 0) as redeemed_count,
        coalesce(redemptions.redemption_count, 0) as redemption_count,
        coalesce(windows.ordered_count, 0) as ordered_count,
        coalesce(windows.window_order_count, 0) as window_order_count,
        coalesce(windows.other_currency_order_count, 0) as other_currency_order_count,
        coalesce(windows.window_sales_amount, 0) as window_sales_amount,
        coalesce(attributed.attributed_order_count, 0) as attributed_order_count,
        coalesce(attributed.attributed_sales_amount, 0) as attributed_sales_amount
    from campaigns
    left join sendings on campaigns.campaign_id = sendings.campaign_id
    left join redemptions on campaigns.campaign_id = redemptions.campaign_id
    left join windows on campaigns.campaign_id = windows.campaign_id
    left join attributed on campaigns.campaign_id = attributed.campaign_id

)

select
    campaign_id,
    campaign_name,
    channel,
    send_date,
    window_until_date,
    coalesce(window_until_date < {{ as_of_date() }}, false) as is_window_over,
    {% for column in [
        'sent', 'delivered', 'bounced', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained',
        'redeemed', 'redemption', 'ordered', 'window_order', 'attributed_order',
        'other_currency_order'
    ] %}
    cast({{ column }}_count as bigint) as {{ column }}_count,
    {% endfor %}
    cast('{{ var("reporting_currency") }}' as varchar) as currency_code,
    cast(window_sales_amount as decimal(18, 2)) as window_sales_amount,
    cast(attributed_sales_amount as decimal(18, 2)) as attributed_sales_amount,
    cast(sent_count * {{ contact_cost('channel') }} as decimal(18, 2)) as cost_amount,
    {% for column in ['delivered', 'bounced'] %}
    {{ ratio(column ~ '_count', 'sent_count') }} as {{ column }}_per_sent,
    {% endfor %}
    {% for column in [
        'opened', 'clicked', 'replied', 'unsubscribed', 'complained', 'redeemed', 'ordered'
    ] %}
    {{ ratio(column ~ '_count', 'delivered_count') }} as {{ column }}_per_delivered,
    {% endfor %}
    {{ ratio('clicked_count', 'opened_count') }} as clicked_per_opened
from counted
