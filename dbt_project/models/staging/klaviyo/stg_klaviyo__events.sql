with

versions as (

    select * from {{ ref('base_klaviyo__events') }}

)

select
    event_id,
    profile_id,
    metric_id,
    message_id,
    flow_id,
    variation_id,
    campaign_id,
    coupon_upc,
    product_id,
    order_id,
    order_amount,
    is_amount_unreadable,
    categories,
    search_term,
    list_topic,
    pulse_question,
    pulse_answer,
    clicked_url,
    is_bot_click,
    is_machine_open,
    attributed_campaign_id,
    attributed_message_id,
    attributed_flow_id,
    occurred_at,
    load_date
from versions
where {{ is_staged() }}
