{{ config(materialized='table') }}

with

deals as (

    select * from {{ ref('canonical_deals') }}
    where not is_deleted

),

parties as (

    {{ parties_of('deals', 'deal_id') }}

),

dated as (

    select
        deals.*,
        coalesce(deals.currency_code, {{ reporting_currency() }}) as stated_currency_code,
        {{ reporting_date('deals.opened_at') }} as opened_date
    from deals
    {{ join_reporting_days('deals.opened_at') }}

),

visits as (

    {{ stage_visits('deals', 'deal_id', 'deal_stage') }}

)

select
    deals.deal_id,
    parties.customer_id,
    coalesce(parties.customer_count, 0) as customer_count,
    parties.company_id,
    deals.owner_id,
    deals.pipeline,
    deals.deal_amount,
    deals.stated_currency_code as currency_code,
    -- a deal is worth what it was on the day on which it was opened, as an order on its own day
    {{ reporting_rate('deals.stated_currency_code') }} as reporting_rate,
    deals.opened_at,
    deals.opened_date,
    deals.closed_at,
    visits.visit_number,
    visits.stage,
    visits.next_stage,
    visits.entered_at,
    visits.left_at,
    stages.stage_order,
    stages.win_probability,
    -- what the CRM says of the deal decides where the seed does not know the stage
    coalesce(
        stages.outcome,
        case
            when visits.left_at is null and deals.is_won then 'won'
            when visits.left_at is null and deals.is_closed then 'lost'
            else 'open'
        end
    ) as outcome
from dated as deals
cross join {{ ref('int_orders__reporting_currency') }} as reporting
{{ join_rates('deals.stated_currency_code', 'deals.opened_date') }}
inner join visits on deals.deal_id = visits.record_id
left join parties on deals.deal_id = parties.record_id
left join {{ ref('crm_stages') }} as stages
    on
        stages.object_type = 'deals'
        and deals.pipeline = stages.pipeline
        and visits.stage = stages.stage
