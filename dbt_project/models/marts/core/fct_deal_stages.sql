with

visits as (

    select
        *,
        lead(stage_order) over (partition by deal_id order by visit_number nulls last) as next_stage_order,
        max(stage_order) over (partition by deal_id) as deepest_stage_order,
        -- of several stays in one stage the first one counts the deal
        row_number() over (partition by deal_id, stage order by visit_number nulls last) = 1 as is_first_visit
    from {{ ref('int_crm__deals') }}

)

select
    deal_id,
    cast(visit_number as bigint) as visit_number,
    customer_id,
    company_id,
    owner_id,
    pipeline,
    cast(stage as string) as stage,
    stage_order,
    cast(outcome as string) as outcome,
    entered_at,
    {{ reporting_date('entered_at', 'entered') }} as entered_date,
    left_at,
    {{ reporting_date('left_at', 'left_again') }} as left_date,
    case
        when left_at is not null or outcome = 'open'
            then {{ hours_between('entered_at', 'coalesce(left_at, ' ~ cutoff() ~ ')') }}
    end as hours_in_stage,
    cast(next_stage as string) as next_stage,
    left_at is null as is_current,
    is_first_visit,
    coalesce(stage_order = deepest_stage_order, false) as is_deepest,
    coalesce(next_stage_order > stage_order, false) as is_advance,
    deal_amount,
    currency_code,
    cast({{ at_rate('deal_amount', 'reporting_rate') }} as decimal(18, 3)) as reporting_deal_amount
from visits
{{ join_reporting_days('entered_at', 'entered') }}
{{ join_reporting_days('left_at', 'left_again') }}
