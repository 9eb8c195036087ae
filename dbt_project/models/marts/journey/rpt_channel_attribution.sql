select
    {{ as_of_date() }} as as_of_date,
    ended_month as month_date,
    impressions,
    channel,
    model,
    journey_count,
    converted_journey_count,
    credit_count,
    credit_count_low,
    credit_count_high,
    {{ reporting_currency() }} as currency_code,
    credit_amount,
    credit_amount_low,
    credit_amount_high
from {{ ref('int_journey__channel_credits') }}
