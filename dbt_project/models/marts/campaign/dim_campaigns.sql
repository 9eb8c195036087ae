{{
    config(
        pre_hook="{{ note_days_of_changed(
            rows=ref('int_campaigns__with_offers'),
            key='campaign_id',
            watch=['content_kind', 'coupon_count', 'topic', 'value_tag'],
            fact=ref('fct_touchpoints'),
            day='touchpoint_date',
        ) }}"
    )
}}

with

campaigns as (

    select * from {{ ref('int_campaigns__with_offers') }}

),

audiences as (

    select
        campaign_id,
        count(distinct customer_id) as audience_count
    from {{ ref('fct_touchpoints') }}
    where is_marketing_contact or event_type = 'delivered'
    group by campaign_id

)

select
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.channel,
    campaigns.campaign_status,
    campaigns.is_archived,
    campaigns.sent_at,
    campaigns.send_date,
    cast(campaigns.topic as string) as topic,
    cast(campaigns.content_kind as string) as content_kind,
    cast(campaigns.value_tag as string) as value_tag,
    campaigns.has_control_arm,
    cast(campaigns.offer_type as string) as offer_type,
    campaigns.offer_from_date,
    campaigns.offer_until_date,
    cast(campaigns.coupon_count as bigint) as coupon_count,
    cast(campaigns.product_count as bigint) as product_count,
    cast(coalesce(audiences.audience_count, 0) as bigint) as audience_count
from campaigns
left join audiences on campaigns.campaign_id = audiences.campaign_id
