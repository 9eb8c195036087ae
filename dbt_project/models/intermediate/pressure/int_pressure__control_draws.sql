-- Nothing passed between the two, so a draw is no touchpoint; without it nobody would know what
-- customers do when they get nothing.
select
    'klaviyo:' || events.event_id as draw_id,
    contact_map.customer_id,
    events.occurred_at,
    {{ reporting_date('events.occurred_at') }} as draw_date,
    events.campaign_id,
    campaigns.channel
from {{ ref('stg_klaviyo__events') }} as events
inner join {{ ref('stg_klaviyo__metrics') }} as metrics on events.metric_id = metrics.metric_id
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on events.profile_id = contact_map.source_record_id and contact_map.source = 'klaviyo'
left join {{ ref('canonical_campaigns') }} as campaigns
    on events.campaign_id = campaigns.campaign_id
{{ join_reporting_days('events.occurred_at') }}
where metrics.metric_name = {{ sql_text(var('control_arm_metric')) }}
