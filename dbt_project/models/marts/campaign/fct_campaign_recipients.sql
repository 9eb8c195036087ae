{{
    config(
        materialized='incremental',
        incremental_strategy='replace_days',
        on_schema_change='fail',
        meta={'replaced_by': 'campaign_id'},
        pre_hook="{{ find_touched_campaigns(ref('fct_touchpoints'), ref('dim_campaigns')) }}"
    )
}}

with

campaigns as (

    select
        campaign_id,
        offer_until_date,
        {{ answer_days('channel') }} as window_days
    from {{ ref('dim_campaigns') }}
    {% if is_incremental() %}
    where campaign_id in (select touched.campaign_id from {{ touched_days() }} as touched)
    {% endif %}

),

touchpoints as (

    select
        campaign_id,
        customer_id,
        event_type,
        occurred_at,
        touchpoint_date,
        {{ is_by_robot() }} as is_by_robot,
        event_type = 'delivered' or (event_type = 'sent' and is_marketing_contact) as is_delivery
    from {{ ref('fct_touchpoints') }}
    where
        campaign_id in (select campaigns.campaign_id from campaigns)
        {% if is_incremental() %}
        and touchpoint_date >= (select min(touched.begun_date) from {{ touched_days() }} as touched)
        {% endif %}

),

-- However many messages or clicks there were: a customer is one recipient of a campaign.
recipients as (

    select
        campaign_id,
        customer_id,
        min(touchpoint_date) as first_touchpoint_date,
        max(touchpoint_date) as last_touchpoint_date,
        min(occurred_at) filter (where is_delivery) as reached_at,
        min_by(touchpoint_date, occurred_at) filter (where is_delivery) as reached_date,
        {% for event in ['bounced', 'opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
        bool_or(event_type = '{{ event }}' and not is_by_robot) as has_{{ event }},
        {% endfor %}
        bool_or(event_type = 'opened' and is_by_robot) as has_machine_opened,
        bool_or(event_type = 'clicked' and is_by_robot) as has_robot_clicked,
        bool_or(event_type in ('sent', 'delivered', 'bounced')) as is_sent
    from touchpoints
    group by campaign_id, customer_id

),

windows as (

    select
        recipients.*,
        campaigns.offer_until_date,
        campaigns.window_days,
        case
            when recipients.reached_at is not null
                then
                    coalesce(
                        campaigns.offer_until_date, recipients.reached_date + campaigns.window_days
                    )
        end as window_until_date
    from recipients
    inner join campaigns on recipients.campaign_id = campaigns.campaign_id

),

-- Read by themselves: kept beside the others, all would be a second copy of the fact.
redeemed as (

    select
        campaign_id,
        customer_id,
        occurred_at as redeemed_at,
        touchpoint_date as redeemed_date
    from {{ ref('fct_touchpoints') }}
    where
        event_type = 'redeemed'
        {% if is_incremental() %}
        and touchpoint_date >= (select min(touched.begun_date) from {{ touched_days() }} as touched)
        {% endif %}

),

redemptions as (

    select
        windows.campaign_id,
        windows.customer_id,
        count(*) as redemption_count
    from windows
    inner join redeemed
        on
            windows.campaign_id = redeemed.campaign_id
            and windows.customer_id = redeemed.customer_id
    where {{ is_answer_to(
        'windows.reached', 'redeemed.redeemed', 'windows.window_days', 'windows.offer_until_date'
    ) }}
    group by windows.campaign_id, windows.customer_id

)

select
    windows.campaign_id,
    windows.customer_id,
    windows.first_touchpoint_date,
    windows.last_touchpoint_date,
    windows.offer_until_date,
    windows.reached_at,
    windows.reached_date,
    cast(windows.window_days as integer) as window_days,
    cast(windows.window_until_date as date) as window_until_date,
    windows.is_sent,
    windows.reached_at is not null as is_reached,
    windows.has_bounced and windows.reached_at is null as is_bounced,
    {% for event in ['opened', 'clicked', 'replied', 'unsubscribed', 'complained'] %}
    windows.has_{{ event }} and windows.reached_at is not null as has_{{ event }},
    {% endfor %}
    windows.has_machine_opened,
    windows.has_robot_clicked,
    cast(coalesce(redemptions.redemption_count, 0) as bigint) as redemption_count
from windows
left join redemptions
    on
        windows.campaign_id = redemptions.campaign_id
        and windows.customer_id = redemptions.customer_id
