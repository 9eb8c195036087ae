{{ config(post_hook="{{ note_customers_of_changed(['outcome']) }}") }}

with

deals as (

    select
        deal_id,
        customer_id,
        customer_count,
        company_id,
        owner_id,
        pipeline,
        deal_amount,
        currency_code,
        reporting_rate,
        opened_at,
        opened_date,
        closed_at as close_property_at,
        count(*) as visit_count,
        max_by(stage, visit_number) as stage,
        max_by(win_probability, visit_number) filter (where win_probability is not null) as win_probability,
        max_by(outcome, visit_number) as outcome,
        max(entered_at) as stage_entered_at,
        max_by(stage, (stage_order, visit_number)) filter (
            where stage_order is not null
        ) as deepest_stage,
        max(stage_order) as deepest_stage_order
    from {{ ref('int_crm__deals') }}
    group by
        deal_id, customer_id, customer_count, company_id, owner_id, pipeline, deal_amount, currency_code,
        reporting_rate, opened_at, opened_date, closed_at

)

select
    deal_id,
    customer_id,
    cast(customer_count as bigint) as customer_count,
    company_id,
    owner_id,
    pipeline,
    cast(stage as string) as stage,
    cast(outcome as string) as outcome,
    cast(deepest_stage as string) as deepest_stage,
    deepest_stage_order,
    cast(visit_count as bigint) as visit_count,
    deal_amount,
    currency_code,
    case
        when outcome = 'open'
            then
                cast(
                    round(cast(deal_amount as double) * cast(win_probability as double) * 1e3) / 1e3
                    as decimal(18, 3)
                )
    end as weighted_amount,
    cast(reporting_rate as decimal(18, 9)) as reporting_rate,
    cast({{ at_rate('deal_amount', 'reporting_rate') }} as decimal(18, 3)) as reporting_deal_amount,
    cast({{ at_rate('weighted_amount', 'reporting_rate') }} as decimal(18, 3)) as reporting_weighted_amount,
    opened_at,
    opened_date,
    stage_entered_at,
    case when outcome <> 'open' then stage_entered_at end as closed_at,
    -- a day that somebody wrote down, kept as the midnight of it in UTC
    case when outcome = 'open' then cast(close_property_at as date) end as expected_close_date,
    {{
        hours_between(
            'opened_at', "case when outcome = 'open' then " ~ cutoff() ~ " else stage_entered_at end"
        )
    }} / 24 as age_days
from deals
