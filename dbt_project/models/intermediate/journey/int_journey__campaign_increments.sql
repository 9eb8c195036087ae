{{ config(materialized='table') }}

-- Who was kept out of a campaign by lot shows what would have come without it: the share of both arms that ordered
-- within the window, and in which month.
with

campaigns as (

    select
        campaign_id,
        offer_until_date,
        {{ answer_days('channel') }} as window_days
    from {{ ref('dim_campaigns') }}
    where campaign_id in (
        select draws.campaign_id
        from {{ ref('fct_control_draws') }} as draws
        where draws.campaign_id is not null
    )

),

controls as (

    select
        campaign_id,
        customer_id,
        min(occurred_at) as reached_at,
        min(draw_date) as reached_date
    from {{ ref('fct_control_draws') }}
    group by campaign_id, customer_id

),

-- Whoever was drawn stays in the control arm, also where the campaign came to them after all: the lot decides, and
-- not what became of it.
arms as (

    select
        campaign_id,
        customer_id,
        reached_at,
        reached_date,
        true as is_control
    from controls
    union all
    select
        recipients.campaign_id,
        recipients.customer_id,
        recipients.reached_at,
        recipients.reached_date,
        false as is_control
    from {{ ref('fct_campaign_recipients') }} as recipients
    anti join controls
        on recipients.campaign_id = controls.campaign_id and recipients.customer_id = controls.customer_id
    where recipients.is_reached

),

-- a window that still runs would count less of whom it reached last
windows as (

    select
        arms.*,
        campaigns.window_days,
        campaigns.offer_until_date
    from arms
    inner join campaigns on arms.campaign_id = campaigns.campaign_id
    where coalesce(campaigns.offer_until_date, arms.reached_date + campaigns.window_days) < {{ latest_day() }}

),

orders as (

    select
        customer_id,
        ordered_at,
        order_date as ordered_date
    from {{ ref('fct_orders') }}
    where is_kept and customer_id is not null

),

-- Somebody who orders twice is one who ordered, in the month of the first.
ordered as (

    select
        windows.campaign_id,
        windows.customer_id,
        windows.is_control,
        cast(date_trunc('month', min(orders.ordered_date)) as date) as ordered_month
    from windows
    inner join orders on windows.customer_id = orders.customer_id
    where {{ is_answer_to('windows.reached', 'orders.ordered', 'windows.window_days', 'windows.offer_until_date') }}
    group by windows.campaign_id, windows.customer_id, windows.is_control

),

sizes as (

    select
        campaign_id,
        count(*) filter (where not is_control) as treated_count,
        count(*) filter (where is_control) as control_count
    from windows
    group by campaign_id
    having count(*) filter (where not is_control) > 0 and count(*) filter (where is_control) > 0

),

counted as (

    select
        campaign_id,
        ordered_month,
        count(*) filter (where not is_control) as treated_ordered_count,
        count(*) filter (where is_control) as control_ordered_count
    from ordered
    group by campaign_id, ordered_month
    union all
    -- of all months
    select
        sizes.campaign_id,
        cast(null as date) as ordered_month,
        count(ordered.customer_id) filter (where not ordered.is_control) as treated_ordered_count,
        count(ordered.customer_id) filter (where ordered.is_control) as control_ordered_count
    from sizes
    left join ordered on sizes.campaign_id = ordered.campaign_id
    group by sizes.campaign_id

),

rates as (

    select
        counted.*,
        sizes.treated_count,
        sizes.control_count,
        {% for arm in ['treated', 'control'] %}
        {{ ratio('counted.' ~ arm ~ '_ordered_count', 'sizes.' ~ arm ~ '_count') }} as {{ arm }}_rate,
        {{ wilson_low('counted.' ~ arm ~ '_ordered_count', 'sizes.' ~ arm ~ '_count') }} as {{ arm }}_low,
        {{ wilson_high('counted.' ~ arm ~ '_ordered_count', 'sizes.' ~ arm ~ '_count') }} as {{ arm }}_high
        {{- ',' if not loop.last }}
        {% endfor %}
    from counted
    inner join sizes on counted.campaign_id = sizes.campaign_id

)

-- The interval of a difference of two independent shares from Wilson's of each (Newcombe 1998, method 10).
select
    campaign_id,
    ordered_month,
    cast(treated_count as bigint) as treated_count,
    cast(treated_ordered_count as bigint) as treated_ordered_count,
    cast(control_count as bigint) as control_count,
    cast(control_ordered_count as bigint) as control_ordered_count,
    round(treated_count * (treated_rate - control_rate), 6) as incremental_count,
    round(
        treated_count * (
            treated_rate - control_rate
            - sqrt(power(treated_rate - treated_low, 2) + power(control_high - control_rate, 2))
        ), 6
    ) as incremental_count_low,
    round(
        treated_count * (
            treated_rate - control_rate
            + sqrt(power(treated_high - treated_rate, 2) + power(control_rate - control_low, 2))
        ), 6
    ) as incremental_count_high
from rates
