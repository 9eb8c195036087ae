with

deals as (

    select * from {{ ref('fct_deals') }}

),

-- Each deal counts once per stage: by the month in which it first came there.
entries as (

    select
        visits.pipeline,
        visits.stage,
        visits.stage_order,
        visits.outcome as stage_outcome,
        cast(date_trunc('month', visits.entered_date) as date) as month_date,
        visits.deal_id,
        visits.entered_at,
        visits.reporting_deal_amount,
        deals.reporting_rate is not null as is_summed,
        deals.outcome,
        deals.closed_at,
        deals.deepest_stage_order > visits.stage_order as has_advanced
    from {{ ref('fct_deal_stages') }} as visits
    inner join deals on visits.deal_id = deals.deal_id
    where visits.is_first_visit

),

stays as (

    select
        pipeline,
        stage,
        cast(date_trunc('month', entered_date) as date) as month_date,
        median(hours_in_stage) as median_hours
    from {{ ref('fct_deal_stages') }}
    where left_at is not null
    group by pipeline, stage, month_date

),

entered as (

    select
        pipeline,
        stage,
        max(stage_order) as stage_order,
        max(stage_outcome) as stage_outcome,
        month_date,
        count(*) as entered_count,
        count(*) filter (where not is_summed) as other_currency_deal_count,
        sum(reporting_deal_amount) as entered_amount,
        count(*) filter (where has_advanced) as advanced_count,
        count(*) filter (where outcome = 'lost' and not has_advanced) as lost_count,
        count(*) filter (where outcome = 'open' and not has_advanced) as still_open_count,
        count(*) filter (where outcome = 'won') as won_count,
        count(*) filter (where outcome <> 'open') as closed_count,
        sum(reporting_deal_amount) filter (where outcome = 'won') as won_amount,
        round(
            {{ exact_sum(hours_between('entered_at', 'closed_at'), 9, "outcome = 'won'") }}
            / count({{ hours_between('entered_at', 'closed_at') }}) filter (where outcome = 'won')
            / 24 * 1e6
        ) / 1e6 as mean_days_to_won
    from entries
    group by pipeline, stage, month_date

),

-- Every month end that found a deal in the stage; the running month ends with the night.
standing as (

    select
        pipeline,
        stage,
        max(stage_order) as stage_order,
        max(outcome) as stage_outcome,
        month_date,
        count(*) as open_count,
        sum(reporting_deal_amount) as open_amount
    from (
        select
            pipeline,
            stage,
            stage_order,
            outcome,
            reporting_deal_amount,
            {{ series_of_months('first_month_date', 'last_month_date') }} as month_date
        from (
            select
                *,
                cast(date_trunc('month', entered_date) as date) as first_month_date,
                coalesce(
                    cast(date_trunc('month', left_date) - interval 1 month as date), {{ first_day_of_months(1) }}
                ) as last_month_date
            from {{ ref('fct_deal_stages') }}
            where outcome = 'open'
        ) as stays
    ) as held
    group by pipeline, stage, month_date

),

joined as (

    select
        coalesce(entered.pipeline, standing.pipeline) as pipeline,
        coalesce(entered.stage, standing.stage) as stage,
        coalesce(entered.stage_order, standing.stage_order) as stage_order,
        coalesce(entered.stage_outcome, standing.stage_outcome) as stage_outcome,
        coalesce(entered.month_date, standing.month_date) as month_date,
        {% for count in ['entered', 'advanced', 'lost', 'still_open', 'won', 'closed', 'other_currency_deal'] %}
        entered.{{ count }}_count,
        {% endfor %}
        entered.entered_amount,
        entered.won_amount,
        entered.mean_days_to_won,
        standing.open_count,
        standing.open_amount
    from entered
    full outer join standing
        on
            entered.pipeline is not distinct from standing.pipeline
            and entered.stage = standing.stage
            and entered.month_date = standing.month_date

)

select
    joined.pipeline,
    cast(joined.stage as string) as stage,
    joined.stage_order,
    cast(joined.stage_outcome as string) as stage_outcome,
    joined.month_date,
    {% for column in [
        'entered', 'advanced', 'lost', 'still_open', 'won', 'open'
    ] %}
    cast(coalesce(joined.{{ column }}_count, 0) as bigint) as {{ column }}_count,
    {% endfor %}
    cast(coalesce(joined.other_currency_deal_count, 0) as bigint) as other_currency_deal_count,
    {{ reporting_currency() }} as currency_code,
    {% for column in ['entered', 'won', 'open'] %}
    cast(coalesce(joined.{{ column }}_amount, 0) as decimal(18, 3)) as {{ column }}_amount,
    {% endfor %}
    case
        when joined.stage_outcome = 'open'
            then {{ ratio('joined.advanced_count', '(joined.advanced_count + joined.lost_count)') }}
    end as advanced_per_decided,
    case
        when joined.stage_outcome = 'open'
            then {{ ratio('joined.won_count', 'joined.closed_count') }}
    end as won_per_closed,
    stays.median_hours as median_hours_in_stage,
    case when joined.stage_outcome = 'open' then joined.mean_days_to_won end as mean_days_to_won,
    -- what the stage brings a day: deals x share won x mean amount won / days to the win
    case
        when joined.stage_outcome = 'open'
            then
                cast(
                    round(
                        joined.entered_count * {{ ratio('joined.won_amount', 'joined.closed_count') }}
                        / nullif(joined.mean_days_to_won, 0) * 1e3
                    ) / 1e3 as decimal(18, 3)
                )
    end as daily_velocity_amount
from joined
left join stays
    on
        joined.pipeline is not distinct from stays.pipeline
        and joined.stage = stays.stage
        and joined.month_date = stays.month_date
