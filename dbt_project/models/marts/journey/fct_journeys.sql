{# All that the seed `journey_stages` may name: to count distinct values takes nearly as long as the rest. #}
{% set stages = ['awareness', 'consideration', 'purchase', 'service', 'loyalty', 'advocacy'] %}

with

-- Before the first conversion of all nobody can say after which one a journey began.
data as (

    select coalesce(min(occurred_at) filter (where is_conversion), min(occurred_at)) as begins_at
    from {{ ref('fct_journey_steps') }}

),

journeys as (

    select
        journey_id,
        max(customer_id) as customer_id,
        max(journey_number) as journey_number,
        min(occurred_at) as started_at,
        min(step_date) as started_date,
        max(occurred_at) as ended_at,
        max(step_date) as ended_date,
        bool_or(is_conversion) as is_converted,
        max(event_type) filter (where is_conversion) as conversion_type,
        max(order_id) filter (where is_conversion) as order_id,
        max(deal_id) filter (where is_conversion) as deal_id,
        count(*) as step_count,
        count(*) filter (where not is_impression) as act_count,
        count(*) filter (where is_impression) as impression_count,
        {% for stage in stages %}
        max(case when stage = '{{ stage }}' then 1 else 0 end){{ ' +' if not loop.last else ' as stage_count,' }}
        {% endfor %}
        min_by(stage, step_number) as first_stage,
        min_by(channel, step_number) as first_channel,
        max_by(stage, step_number) as last_stage,
        max_by(channel, step_number) as last_channel,
        bool_or(event_type = 'ticket_opened') as has_ticket,
        count(emotion) as emotion_count,
        {{ exact_sum('emotion', 4) }} / count(emotion) as mean_emotion,
        min(emotion) as lowest_emotion,
        max_by(emotion, step_number) filter (where emotion is not null) as last_emotion
    from {{ ref('fct_journey_steps') }}
    group by journey_id

),

worths as (

    select distinct
        event_type,
        worth,
        fixed_amount
    from {{ ref('int_journey__kinds') }}
    where is_conversion

),

judged as (

    select
        journeys.*,
        case
            when journeys.is_converted then 'converted'
            when
                {{ hours_between('journeys.ended_at', cutoff()) }} > 24 * {{ var('journey_timeout_days') }}
                then 'abandoned'
            else 'open'
        end as status,
        journeys.journey_number = 1
        and {{ hours_between('data.begins_at', 'journeys.started_at') }} <= 24 * {{ var('journey_timeout_days') }}
            as is_left_censored
    from journeys
    cross join data

)

select
    judged.journey_id,
    judged.customer_id,
    cast(judged.journey_number as bigint) as journey_number,
    cast(judged.status as string) as status,
    judged.started_at,
    judged.started_date,
    judged.ended_at,
    judged.ended_date,
    cast(round({{ hours_between('judged.started_at', 'judged.ended_at') }} * 1e4) / 1e4 as double) as duration_hours,
    cast(judged.step_count as bigint) as step_count,
    cast(judged.act_count as bigint) as act_count,
    cast(judged.impression_count as bigint) as impression_count,
    cast(judged.stage_count as bigint) as stage_count,
    cast(judged.first_stage as string) as first_stage,
    cast(judged.first_channel as string) as first_channel,
    cast(judged.last_stage as string) as last_stage,
    cast(judged.last_channel as string) as last_channel,
    cast(judged.conversion_type as string) as conversion_type,
    judged.order_id,
    judged.deal_id,
    {{ reporting_currency() }} as currency_code,
    cast(
        case worths.worth
            when 'order' then orders.reporting_sales_amount
            when 'deal' then deals.reporting_deal_amount
            when 'fixed' then worths.fixed_amount
        end as decimal(18, 3)
    ) as conversion_amount,
    judged.is_left_censored,
    judged.status = 'open' as is_right_censored,
    judged.has_ticket,
    cast(judged.emotion_count as bigint) as emotion_count,
    cast(round(judged.mean_emotion * 1e4) / 1e4 as double) as mean_emotion,
    judged.lowest_emotion,
    judged.last_emotion
from judged
left join worths on judged.conversion_type = worths.event_type
left join {{ ref('fct_orders') }} as orders on judged.order_id = orders.order_id
left join {{ ref('fct_deals') }} as deals on judged.deal_id = deals.deal_id
