{{ config(materialized='table') }}

-- Which days were unusually loud: each is held against the same weekday of the four weeks before and after it, so that
-- neither the week's rhythm nor a growing firm makes a day loud.
{% set until = last_complete_day() %}
{% set since = until ~ ' - ' ~ (var('voice_lookback_days') - 1) %}

with

said as (

    select
        source,
        voice_date,
        case what when 'all' then 'all_mentions' else 'topic' end as signal_kind,
        coalesce(topic, 'negative') as signal,
        sum(negative_count) as value
    from {{ ref('rpt_public_voice') }}
    where voice_date between {{ since }} and {{ until }}
    group by source, voice_date, what, topic

),

-- All that was said, and the topics of which most was said against the firm.
series as (

    select
        source,
        signal_kind,
        signal
    from said
    group by source, signal_kind, signal
    having sum(value) > 0
    qualify
        row_number() over (
            partition by source, signal_kind order by sum(value) desc nulls last, signal nulls last
        ) <= {{ var('voice_most_topics') }}

),

observed as (

    select
        source,
        min(voice_date) as first_date
    from said
    group by source

),

listened as (

    select
        source,
        {{ series_of_days('first_date', until) }} as voice_date
    from observed

),

-- A day on which nothing was said is one of none; one of which a page tells nothing is not known.
signal_days as (

    select
        series.source,
        series.signal_kind,
        series.signal,
        listened.voice_date as signal_date,
        cast(coalesce(said.value, 0) as double) as value
    from series
    inner join listened on series.source = listened.source
    left join said
        on
            series.source = said.source
            and series.signal_kind = said.signal_kind
            and series.signal = said.signal
            and listened.voice_date = said.voice_date
    union all
    select
        source,
        'page' as signal_kind,
        signal,
        signal_date,
        sum(value) as value
    from {{ ref('rpt_page_signals') }}
    where not is_level and signal_date between {{ since }} and {{ until }}
    group by source, signal, signal_date

),

usual as (

    select
        signal_days.source,
        signal_days.signal_kind,
        signal_days.signal,
        signal_days.signal_date,
        signal_days.value,
        cast(median(near.value) as double) as usual_value
    from signal_days
    inner join signal_days as near
        on
            signal_days.source = near.source
            and signal_days.signal_kind = near.signal_kind
            and signal_days.signal = near.signal
            and near.signal_date between signal_days.signal_date - 28 and signal_days.signal_date + 28
            and ({{ day_number('near.signal_date') }} - {{ day_number('signal_days.signal_date') }}) % 7 = 0
    group by
        signal_days.source,
        signal_days.signal_kind,
        signal_days.signal,
        signal_days.signal_date,
        signal_days.value

),

-- How far days differ from the usual, in the variance of a count: 0.455 is the median of chi square with one degree.
spread as (

    select
        source,
        signal_kind,
        signal,
        greatest(
            median(power(value - usual_value, 2) / greatest(usual_value, 1e0)) / 455e-3, 1e0
        ) as dispersion
    from usual
    group by source, signal_kind, signal

)

select
    usual.source,
    usual.signal_kind,
    usual.signal,
    usual.signal_date,
    usual.value,
    usual.usual_value,
    usual.value
    > usual.usual_value
    + {{ var('voice_loud_errors') }} * sqrt(spread.dispersion * greatest(usual.usual_value, 1e0)) as is_loud
from usual
inner join spread
    on
        usual.source = spread.source
        and usual.signal_kind = spread.signal_kind
        and usual.signal = spread.signal
