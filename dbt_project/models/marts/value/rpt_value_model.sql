with

samples as (

    select
        samples.span,
        samples.model,
        samples.customer_count,
        samples.repeat_customer_count,
        samples.cell_count,
        max(fits.log_likelihood) as log_likelihood,
        coalesce(samples.fault, max(fits.fault)) as fault,
        coalesce(bool_or(fits.is_at_an_end), false) as is_at_an_end,
        coalesce(bool_or(fits.standard_error > fits.estimate), false) as is_vague
    from {{ ref('int_value__samples') }} as samples
    left join {{ ref('int_value__fits') }} as fits
        on samples.span = fits.span and samples.model = fits.model
    group by
        samples.span, samples.model, samples.customer_count, samples.repeat_customer_count, samples.cell_count,
        samples.fault

),

correlated as (

    select corr(cast(spend_count as double), spend_amount / spend_count) as correlation
    from {{ ref('int_value__buyers') }}
    where span = 'whole' and spend_count > 0

),

alike as (

    select case when not isnan(correlation) then round(correlation * 1e6) / 1e6 end as spend_correlation
    from correlated

),

held as (

    select
        model,
        sum(customer_count) as held_out_customer_count,
        sum(customer_count * predicted_mean) as predicted,
        sum(customer_count * actual_mean) as actual,
        sum(customer_count * abs(predicted_mean - actual_mean)) as missed,
        sum(within_interval_count) as within_interval_count
    from {{ ref('rpt_value_calibration') }}
    group by model

),

measured as (

    select
        samples.model,
        samples.customer_count,
        samples.repeat_customer_count,
        samples.cell_count,
        samples.log_likelihood,
        samples.fault,
        samples.is_at_an_end,
        samples.is_vague,
        case when samples.model = 'spend' then alike.spend_correlation end as spend_correlation,
        held.held_out_customer_count,
        held.predicted,
        held.actual,
        case when held.actual > 0 then round(held.missed / held.actual * 1e6) / 1e6 end as miss_share,
        held.within_interval_count
    from samples
    cross join alike
    left join held on samples.model = held.model
    where samples.span = 'whole'

),

judged as (

    select
        *,
        case
            when fault = 'nobody' and model = 'orders' then 'Nobody has bought yet.'
            when fault = 'nobody'
                then 'Nobody has bought a second time for an amount that is known: one order each says nothing of spend.'
            when fault = 'nobody_came_back' then 'Nobody has bought a second time: one order each says nothing of a rhythm.'
            when fault = 'too_few'
                then
                    'Of ' || {{ counted('repeat_customer_count', 'customer') }}
                    || ' who bought again too little can be told; it takes '
                    || {{ sql_text(var('value_least_repeat_customers') | string) }} || '.'
            when fault = 'all_alike' and model = 'orders'
                then 'All customers bought equally often, so that nothing tells how they differ.'
            when fault = 'all_alike'
                then 'The mean orders of all customers are the same, so that nothing tells how they differ.'
            when fault = 'no_summit' then 'No parameters fit these customers better than all others.'
            when fault = 'no_mean'
                then 'Spend differs so widely between customers that no mean of it can be foretold.'
        end as refusal,
        concat_ws(
            ' ',
            case
                when spend_correlation >= {{ var('value_most_spend_correlation') }}
                    then
                        'Who orders more often spends more an order (correlation '
                        || cast(round(spend_correlation * 1e2) / 1e2 as string)
                        || '), and the model takes the two for independent.'
                when spend_correlation <= -{{ var('value_most_spend_correlation') }}
                    then
                        'Who orders more often spends less an order (correlation '
                        || cast(round(spend_correlation * 1e2) / 1e2 as string)
                        || '), and the model takes the two for independent.'
            end,
            case
                when miss_share is null
                    then
                        'Nobody could look whether it foretells anything: it takes '
                        || {{ sql_text((2 * var('value_holdout_days')) | string) }}
                        || ' days of orders, and orders in the last half of them.'
                when miss_share > {{ var('value_most_miss_share') }}
                    then
                        'Held against the last ' || {{ sql_text(var('value_holdout_days') | string) }}
                        || ' days it was off by ' || cast(cast(round(100 * miss_share) as bigint) as string)
                        || ' in 100 by tenths of the customers.'
            end,
            case when is_at_an_end then 'A parameter is at the end of its range: the data do not tell it.' end,
            case
                when is_vague
                    then 'The data hardly tell how customers differ: a standard error is above its parameter.'
            end
        ) as doubts
    from measured

)

select
    {{ as_of_date() }} as as_of_date,
    model,
    case when refusal is not null then 'refused' when doubts <> '' then 'weak' else 'usable' end as verdict,
    cast(
        coalesce(
            refusal,
            nullif(doubts, ''),
            'Held against the last ' || {{ sql_text(var('value_holdout_days') | string) }} || ' days it was off by '
            || cast(cast(round(100 * miss_share) as bigint) as string) || ' in 100 by tenths of the customers.'
        ) as string
    ) as reason,
    customer_count,
    repeat_customer_count,
    cell_count,
    cast(log_likelihood as double) as log_likelihood,
    cast(spend_correlation as double) as spend_frequency_correlation,
    cast(held_out_customer_count as bigint) as held_out_customer_count,
    cast(round(predicted * 1e6) / 1e6 as double) as predicted_total,
    cast(round(actual * 1e6) / 1e6 as double) as actual_total,
    cast(miss_share as double) as miss_share,
    cast(
        round(cast(within_interval_count as double) / held_out_customer_count * 1e6) / 1e6 as double
    ) as within_interval_share,
    {{ reporting_currency() }} as currency_code
from judged
