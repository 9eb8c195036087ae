with

versions as (

    select * from {{ ref('base_klaviyo__events') }}

)

select
    event_id,
    profile_id,
    metric_id,
    message_id,
    campaign_id,
    coupon_upc,
    product_id,
    order_id,
    order_amount,
    categories,
    list_topic,
    pulse_question,
    pulse_answer,
    occurred_at,
    load_date
from versions
where {{ is_staged() }}
