-- Tenths are of customers in the order of what was foretold, and of equals in the order of their ids.
with

foretold as (

    select
        'orders' as model,
        buyers.customer_id,
        scores.expected_count as predicted,
        cast(buyers.held_out_count as double) as actual,
        cast(
            buyers.held_out_count between scores.low_count and scores.high_count as integer
        ) as is_within
    from {{ ref('int_value__buyers') }} as buyers
    inner join {{ ref('int_value__order_scores') }} as scores
        on
            buyers.span = scores.span
            and buyers.repeat_count = scores.repeat_count
            and buyers.recency_days = scores.recency_days
            and buyers.age_days = scores.age_days
    where buyers.span = 'calibration'
    union all
    select
        'spend' as model,
        buyers.customer_id,
        (factors.prior_amount + buyers.spend_amount) * factors.mean_factor as predicted,
        buyers.held_out_spend_amount / buyers.held_out_spend_count as actual,
        -- the interval is of a mean that nobody sees
        cast(null as integer) as is_within
    from {{ ref('int_value__buyers') }} as buyers
    inner join {{ ref('int_value__spend_factors') }} as factors
        on buyers.span = factors.span and buyers.spend_count = factors.spend_count
    where buyers.span = 'calibration' and buyers.held_out_spend_count > 0

),

ordered as (

    select
        *,
        ntile(10) over (partition by model order by predicted nulls last, customer_id nulls last) as decile
    from foretold

)

select
    {{ as_of_date() }} as as_of_date,
    model,
    cast(decile as integer) as decile,
    cast({{ var('value_holdout_days') }} as bigint) as held_out_days,
    count(*) as customer_count,
    cast(
        round({{ exact_sum('predicted', 9) }} / count(predicted) * 1e6) / 1e6 as double
    ) as predicted_mean,
    cast(
        round({{ exact_sum('actual', 9) }} / count(actual) * 1e6) / 1e6 as double
    ) as actual_mean,
    cast(
        round(
            (
                case when count(*) > 1 then stddev_samp(actual) / sqrt(cast(count(*) as double)) end
            ) * 1e6
        ) / 1e6 as double
    ) as actual_mean_error,
    cast(sum(is_within) as bigint) as within_interval_count,
    {{ reporting_currency() }} as currency_code
from ordered
group by model, decile
