{{ config(materialized='table') }}

-- What may be credited: the steps before the end of each journey that has ended, once with the
-- messages that merely came, once without them, as peers differ here. A touch of a campaign is one
-- of the channel that the campaign went out on, wherever it was answered: a coupon that came by
-- e-mail and was redeemed in a store is e-mail's. A conversion, the last step of its journey, goes
-- along and is let go in the end, unless it is alone: where nothing came before it, it is credited
-- to nothing, and not lost.
with

steps as (

    select
        steps.journey_id,
        steps.step_number,
        steps.customer_id,
        coalesce(steps.campaign_channel, steps.channel) as channel,
        steps.campaign_id,
        steps.is_direct,
        steps.is_impression,
        steps.is_conversion,
        cast(date_trunc('month', journeys.ended_date) as date) as ended_month,
        journeys.status = 'converted' as is_converted,
        cast(coalesce(journeys.conversion_amount, 0) as double) as conversion_value,
        {{ hours_between('steps.occurred_at', 'journeys.ended_at') }} as hours_before_end
    from {{ ref('fct_journey_steps') }} as steps
    inner join {{ ref('fct_journeys') }} as journeys on steps.journey_id = journeys.journey_id
    where journeys.status <> 'open'

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
    where is_conversion or not is_impression

),

recent as (

    select *
    from views
    {% if var('journey_lookback_days') is not none %}
    where is_conversion or hours_before_end <= 24 * {{ var('journey_lookback_days') }}
    {% endif %}
    {% if var('journey_lookback_steps') is not none %}
    qualify
        row_number() over (
            partition by impressions, journey_id, is_conversion order by step_number desc nulls last
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
        is_conversion
        or channel is distinct from lag(channel) over in_path
        or campaign_id is distinct from lag(campaign_id) over in_path
    {% elif var('journey_path') == 'unique' %}
    qualify
        row_number() over (
            partition by impressions, journey_id, channel, campaign_id, is_conversion
            order by step_number nulls last
        ) = 1
    {% endif %}

),

touches as (

    select
        *,
        row_number() over (
            partition by impressions, journey_id order by step_number nulls last
        ) as touch_number
    from paths

)

select
    impressions,
    journey_id,
    customer_id,
    ended_month,
    is_converted,
    conversion_value,
    cast(case when is_conversion then 0 else touch_number end as bigint) as touch_number,
    cast(case when is_conversion then 'none' else channel end as string) as channel,
    case when not is_conversion then campaign_id end as campaign_id,
    is_conversion or is_direct as is_direct,
    is_impression and not is_conversion as is_impression,
    cast(case when is_conversion then 0 else round(hours_before_end * 1e4) / 1e4 end as double)
        as hours_before_end
from touches
where not is_conversion or touch_number = 1
