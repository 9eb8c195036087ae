{#-
    What followed loud days, held against what followed the others: observed over expected on the one side, divided by
    the same on the other. Given how many there were in all, those on days after loud ones are a share of a known
    size if loudness foretells nothing; Wilson's interval of that share is that of the ratio.
-#}
{% set most_lag = var('voice_most_lag_days') %}
{% set words = {
    'tickets': ['ticket', 'tickets'], 'opt_outs': ['opt-out', 'opt-outs'], 'complaints': ['complaint', 'complaints'],
} %}

with

signal_days as (

    select * from {{ ref('int_voice__signal_days') }}

),

outcome_days as (

    select * from {{ ref('int_voice__outcome_days') }}
    where expected_count > 0e0

),

-- How much more days differ from what is expected of them than counts by themselves do.
spread as (

    select
        outcome,
        greatest(
            sum(power(happened_count - expected_count, 2) / expected_count) / greatest(count(*) - 7, 1), 1e0
        ) as dispersion
    from outcome_days
    group by outcome

),

lags as (

    select {{ series_of_numbers(0, most_lag) }} as lag_days

),

paired as (

    select
        signal_days.source,
        signal_days.signal_kind,
        signal_days.signal,
        lags.lag_days,
        outcome_days.outcome,
        count(*) filter (where signal_days.is_loud) as loud_day_count,
        count(*) filter (where not signal_days.is_loud) as other_day_count,
        coalesce(sum(outcome_days.happened_count) filter (where signal_days.is_loud), 0e0) as loud_count,
        coalesce(sum(outcome_days.happened_count) filter (where not signal_days.is_loud), 0e0) as other_count,
        coalesce(sum(outcome_days.expected_count) filter (where signal_days.is_loud), 0e0) as loud_expected,
        coalesce(sum(outcome_days.expected_count) filter (where not signal_days.is_loud), 0e0) as other_expected
    from signal_days
    cross join lags
    inner join outcome_days
        on signal_days.signal_date + cast(lags.lag_days as integer) = outcome_days.outcome_date
    group by
        signal_days.source,
        signal_days.signal_kind,
        signal_days.signal,
        lags.lag_days,
        outcome_days.outcome

),

shared as (

    select
        paired.*,
        spread.dispersion,
        loud_expected / nullif(loud_expected + other_expected, 0e0) as expected_share,
        loud_count / spread.dispersion as hits,
        (loud_count + other_count) / spread.dispersion as total,
        loud_day_count >= {{ var('voice_least_loud_days') }}
        and other_day_count >= {{ var('voice_least_loud_days') }}
        and loud_expected >= {{ var('voice_least_expected') }} as is_told
    from paired
    inner join spread on paired.outcome = spread.outcome

),

tested as (

    select
        *,
        {{ wilson_low('hits', 'total') }} as share_low,
        {{ wilson_high('hits', 'total') }} as share_high,
        case
            when is_told and total > 0e0
                then
                    {{ two_sided_chance(
                        '((hits - total * expected_share) / sqrt(total * expected_share * (1e0 - expected_share)))'
                    ) }}
        end as chance
    from shared

),

-- Holm (1979), over all that is looked at here: whoever looks at hundreds of lags finds a lucky one.
ranked as (

    select
        *,
        chance * (
            count(chance) over () + 1 - row_number() over (
                order by
                    chance nulls last, source nulls last, signal_kind nulls last, signal nulls last, outcome nulls last,
                    lag_days nulls last
            )
        ) as chance_times
    from tested

),

corrected as (

    select
        *,
        case
            when chance is not null
                then
                    least(
                        max(chance_times) over (
                            order by
                                chance nulls last, source nulls last, signal_kind nulls last, signal nulls last,
                                outcome nulls last, lag_days nulls last
                            rows between unbounded preceding and current row
                        ), 1e0
                    )
        end as corrected_chance,
        (loud_count / nullif(loud_expected, 0e0)) / nullif(other_count / nullif(other_expected, 0e0), 0e0) as ratio,
        (1e0 - expected_share) / nullif(expected_share, 0e0) as odds
    from ranked

),

judged as (

    select
        *,
        case
            when not is_told then 'too few days'
            when coalesce(corrected_chance, 1e0) >= {{ var('voice_chance') }} then 'within chance'
            when ratio > 1e0 or ratio is null then 'more'
            else 'fewer'
        end as verdict,
        case outcome
            {% for outcome, (one, many) in words.items() %}
            when '{{ outcome }}' then '{{ many }}'
            {% endfor %}
        end as outcome_word
    from corrected

)

select
    cast(source as string) as source,
    cast(signal_kind as string) as signal_kind,
    cast(signal as string) as signal,
    cast(outcome as string) as outcome,
    lag_days,
    cast(loud_day_count as bigint) as loud_day_count,
    cast(other_day_count as bigint) as other_day_count,
    cast(round(loud_count) as bigint) as loud_count,
    cast(round(loud_expected * 1e4) / 1e4 as double) as loud_expected_count,
    cast(case when is_told then round(ratio * 1e4) / 1e4 end as double) as rate_ratio,
    cast(case when is_told then round(share_low / nullif(1e0 - share_low, 0e0) * odds * 1e4) / 1e4 end as double)
        as rate_ratio_low,
    cast(case when is_told then round(share_high / nullif(1e0 - share_high, 0e0) * odds * 1e4) / 1e4 end as double)
        as rate_ratio_high,
    cast(round(chance * 1e6) / 1e6 as double) as chance,
    cast(round(corrected_chance * 1e6) / 1e6 as double) as corrected_chance,
    cast(verdict as string) as verdict,
    cast(
        case verdict
            when 'too few days'
                then
                    cast(loud_day_count as string) || ' loud days with '
                    || cast(cast(round(loud_expected) as bigint) as string) || ' ' || outcome_word
                    || ' expected after them are too few to tell'
            else
                cast(cast(round(loud_count) as bigint) as string) || ' ' || outcome_word || ' '
                || case lag_days
                    when 0 then 'on'
                    when 1 then 'a day after'
                    else cast(lag_days as string) || ' days after'
                end
                || ' ' || cast(loud_day_count as string) || ' loud days, '
                || cast(cast(round(loud_expected) as bigint) as string) || ' expected: '
                || case verdict
                    when 'more' then 'more than by chance'
                    when 'fewer' then 'fewer than by chance'
                    else 'chance alone can make that difference'
                end
        end as string
    ) as verdict_reason
from judged
