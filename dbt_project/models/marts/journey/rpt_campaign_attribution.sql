select
    {{ as_of_date() }} as as_of_date,
    credits.ended_month as month_date,
    credits.impressions,
    credits.campaign_id,
    campaigns.campaign_name,
    credits.model,
    credits.journey_count,
    credits.converted_journey_count,
    credits.credit_count,
    credits.credit_count_low,
    credits.credit_count_high,
    {{ reporting_currency() }} as currency_code,
    credits.credit_amount,
    credits.credit_amount_low,
    credits.credit_amount_high,
    campaign_increments.treated_count,
    campaign_increments.control_count,
    increments.treated_ordered_count,
    increments.control_ordered_count,
    {% for bound in ['', '_low', '_high'] %}
    cast(increments.incremental_count{{ bound }} as double) as incremental_count{{ bound }},
    {% endfor %}
    {% for bound in ['', '_low', '_high'] %}
    cast(campaign_increments.incremental_count{{ bound }} as double)
        as campaign_incremental_count{{ bound }}{{ ',' if not loop.last }}
    {% endfor %}
from {{ ref('int_journey__campaign_credits') }} as credits
left join {{ ref('dim_campaigns') }} as campaigns on credits.campaign_id = campaigns.campaign_id
left join {{ ref('int_journey__campaign_increments') }} as increments
    on
        credits.campaign_id = increments.campaign_id
        and credits.ended_month = increments.ordered_month
left join {{ ref('int_journey__campaign_increments') }} as campaign_increments
    on
        credits.campaign_id = campaign_increments.campaign_id
        and campaign_increments.ordered_month is null
