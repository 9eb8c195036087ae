{{ config(materialized='table') }}

-- What may be credited: the steps before the end of each journey that has ended, once with the messages that merely
-- came, once without them, as peers differ here. A touch of a campaign is one of the channel that the campaign went
-- out on, wherever it was answered: a coupon that came by e-mail and was redeemed in a store is e-mail's.
with

steps as (

    select
        steps.journey_id,
        steps.step_number,
        coalesce(steps.campaign_channel, steps.channel) as channel,
        steps.campaign_id,
        steps.is_direct,
        steps.is_impression,
        {{ hours_between('steps.occurred_at', 'journeys.ended_at') }} as hours_before_end
    from {{ ref('fct_journey_steps') }} as steps
    inner join {{ ref('fct_journeys') }} as journeys on steps.journey_id = journeys.journey_id
    where journeys.status <> 'open' and not steps.is_conversion

),

views as (

    {% if var('journey_impressions') == 'count' %}
    select
        'counted' as impressions,
        *
    from steps
    union all
    {% endif %}
    select
        'ignored' as impressions,
        *
    from steps
    where not is_impression

),

recent as (

    select *
    from views
    where
        true
        {% if var('journey_lookback_days') is not none %}
        and hours_before_end <= 24 * {{ var('journey_lookback_days') }}
        {% endif %}
    {% if var('journey_lookback_steps') is not none %}
    qualify
        row_number() over (
            partition by impressions, journey_id order by step_number desc nulls last
        ) <= {{ var('journey_lookback_steps') }}
    {% endif %}

),

-- the policy `journey_path`
paths as (

    select *
    from recent
    {% if var('journey_path') == 'collapsed' %}
    window in_path as (partition by impressions, journey_id order by step_number nulls last)
    qualify
        channel is distinct from lag(channel) over in_path
        or campaign_id is distinct from lag(campaign_id) over in_path
    {% elif var('journey_path') == 'unique' %}
    qualify
        row_number() over (
            partition by impressions, journey_id, channel, campaign_id order by step_number nulls last
        ) = 1
    {% endif %}

),

touches as (

    select
        *,
        row_number() over (partition by impressions, journey_id order by step_number nulls last) as touch_number
    from paths

),

all_views as (

    select *
    from (
        values
        {% if var('journey_impressions') == 'count' %}('counted'),{% endif %}
        ('ignored')
    ) as t(impressions)

)

select
    touches.impressions,
    touches.journey_id,
    journeys.customer_id,
    cast(date_trunc('month', journeys.ended_date) as date) as ended_month,
    journeys.status = 'converted' as is_converted,
    cast(coalesce(journeys.conversion_amount, 0) as double) as conversion_value,
    cast(touches.touch_number as bigint) as touch_number,
    cast(touches.channel as varchar) as channel,
    touches.campaign_id,
    touches.is_direct,
    touches.is_impression,
    cast(round(touches.hours_before_end, 4) as double) as hours_before_end
from touches
inner join {{ ref('fct_journeys') }} as journeys on touches.journey_id = journeys.journey_id
union all
-- a conversion before which nothing passed between the two is credited to nothing, and not lost
select
    all_views.impressions,
    journeys.journey_id,
    journeys.customer_id,
    cast(date_trunc('month', journeys.ended_date) as date) as ended_month,
    true as is_converted,
    cast(coalesce(journeys.conversion_amount, 0) as double) as conversion_value,
    cast(0 as bigint) as touch_number,
    cast('none' as varchar) as channel,
    cast(null as varchar) as campaign_id,
    true as is_direct,
    false as is_impression,
    cast(0 as double) as hours_before_end
from {{ ref('fct_journeys') }} as journeys
cross join all_views
left join touches
    on
        journeys.journey_id = touches.journey_id
        and all_views.impressions = touches.impressions
        and touches.touch_number = 1
where journeys.status = 'converted' and touches.journey_id is null
