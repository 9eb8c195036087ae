-- What may be a step: everything between firm and customer that no robot did, and the deals that
-- were won, which are no touchpoint and yet an end. What it was about: the question of a survey,
-- the topic of the campaign, else the class of the message.
select
    touchpoints.touchpoint_id,
    touchpoints.customer_id,
    touchpoints.occurred_at,
    touchpoints.touchpoint_date,
    touchpoints.channel,
    touchpoints.direction,
    touchpoints.event_type,
    coalesce(touchpoints.question, campaigns.topic, touchpoints.message_class) as topic,
    touchpoints.campaign_id,
    campaigns.channel as campaign_channel,
    touchpoints.flow_id,
    touchpoints.order_id,
    cast(null as string) as deal_id,
    touchpoints.owner_id,
    touchpoints.question,
    touchpoints.answer,
    touchpoints.answer_mood
from {{ ref('fct_touchpoints') }} as touchpoints
left join {{ ref('dim_campaigns') }} as campaigns on touchpoints.campaign_id = campaigns.campaign_id
where not (touchpoints.direction = 'inbound' and touchpoints.actor = 'automated')
union all
select
    'deal:' || deals.deal_id as touchpoint_id,
    deals.customer_id,
    deals.closed_at as occurred_at,
    {{ reporting_date('deals.closed_at') }} as touchpoint_date,
    cast(null as string) as channel,
    cast(null as string) as direction,
    'deal_won' as event_type,
    cast(null as string) as topic,
    cast(null as string) as campaign_id,
    cast(null as string) as campaign_channel,
    cast(null as string) as flow_id,
    cast(null as string) as order_id,
    deals.deal_id,
    deals.owner_id,
    cast(null as string) as question,
    cast(null as string) as answer,
    cast(null as string) as answer_mood
from {{ ref('fct_deals') }} as deals
{{ join_reporting_days('deals.closed_at') }}
where deals.outcome = 'won' and deals.customer_id is not null
