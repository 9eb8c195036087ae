with

campaigns as (

    select * from {{ ref('canonical_campaigns') }}

),

-- One campaign can carry several kinds of offer; the kinds are listed in alphabetical order.
offers as (

    select
        campaign_id,
        {{ cut_text(joined(sorted_list('array_agg(distinct offer_type)'), ', ')) }} as offer_type,
        min(valid_from_date) as offer_from_date,
        max(valid_until_date) as offer_until_date,
        count(distinct coupon_upc) as coupon_count,
        count(distinct product_id) as product_count
    from {{ ref('stg_shop__coupons') }}
    group by campaign_id

)

select
    campaigns.campaign_id,
    campaigns.campaign_name,
    campaigns.channel,
    campaigns.campaign_status,
    campaigns.is_archived,
    campaigns.sent_at,
    {{ reporting_date('campaigns.sent_at') }} as send_date,
    {{ tagged('campaigns.tags', 'topic') }} as topic,
    {{ tagged('campaigns.tags', 'content') }} as content_kind,
    {{ tagged('campaigns.tags', 'value') }} as value_tag,
    {{ has_tag('campaigns.tags', 'arm:holdout') }} as has_control_arm,
    offers.offer_type,
    offers.offer_from_date,
    offers.offer_until_date,
    coalesce(offers.coupon_count, 0) as coupon_count,
    coalesce(offers.product_count, 0) as product_count
from campaigns
left join offers on campaigns.campaign_id = offers.campaign_id
{{ join_reporting_days('campaigns.sent_at') }}
