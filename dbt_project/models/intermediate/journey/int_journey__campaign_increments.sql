{{ config(materialized='table') }}

-- Who was kept out of a campaign by lot shows what would have come without it: the share of both arms that ordered
-- within the window, and in which month they first did. Of the campaigns alone of which `rpt_campaign_uplift` says
-- anything, and of the customers whom it compares.
with

arms as (

    select
        arms.campaign_id,
        arms.arm,
        arms.has_ordered,
        cast(date_trunc('month', arms.first_order_date) as date) as ordered_month
    from {{ ref('fct_campaign_arms') }} as arms
    inner join {{ ref('rpt_campaign_uplift') }} as uplift
        on arms.campaign_id = uplift.campaign_id and uplift.breakdown = 'everybody'
    where arms.is_compared and uplift.verdict <> 'not_measured'

),

sizes as (

    select
        campaign_id,
        count(*) filter (where arm = 'treatment') as treated_count,
        count(*) filter (where arm = 'control') as control_count,
        count(*) filter (where arm = 'treatment' and has_ordered) as treated_ordered_count,
        count(*) filter (where arm = 'control' and has_ordered) as control_ordered_count
    from arms
    group by campaign_id

),

counted as (

    select
        campaign_id,
        ordered_month,
        count(*) filter (where arm = 'treatment') as treated_ordered_count,
        count(*) filter (where arm = 'control') as control_ordered_count
    from arms
    where has_ordered
    group by campaign_id, ordered_month
    union all
    -- of all months
    select
        campaign_id,
        cast(null as date) as ordered_month,
        treated_ordered_count,
        control_ordered_count
    from sizes

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

select
    campaign_id,
    ordered_month,
    cast(treated_count as bigint) as treated_count,
    cast(treated_ordered_count as bigint) as treated_ordered_count,
    cast(control_count as bigint) as control_count,
    cast(control_ordered_count as bigint) as control_ordered_count,
    round(treated_count * (treated_rate - control_rate) * 1e6) / 1e6 as incremental_count,
    round(
        treated_count * (treated_rate - control_rate - {{ newcombe_below('treated', 'control') }}) * 1e6
    ) / 1e6 as incremental_count_low,
    round(
        treated_count * (treated_rate - control_rate + {{ newcombe_above('treated', 'control') }}) * 1e6
    ) / 1e6 as incremental_count_high
from rates
