-- A customer's steps in one row, journey after journey: what they said after the worst moment of one may lie in the next.
-- Steps close together are one moment: of two answers to one message none comes after the other.
with

steps as (

    select
        journey_id,
        journey_number,
        step_number,
        customer_id,
        occurred_at,
        stage,
        -- exact, so that no order of adding up changes a digit
        cast(emotion as decimal(6, 4)) as emotion,
        lag(occurred_at) over (
            partition by customer_id order by journey_number nulls last, step_number nulls last
        ) as previous_at
    from {{ ref('fct_journey_steps') }}

),

moments as (

    select
        *,
        sum(
            case
                when {{ hours_between('previous_at', 'occurred_at') }} * 60 <= {{ var('journey_moment_minutes') }} then 0
                else 1
            end
        ) over (
            partition by customer_id order by journey_number nulls last, step_number nulls last
            rows between unbounded preceding and current row
        ) as moment_number
    from steps

),

signals as (

    select
        *,
        dense_rank() over (partition by customer_id order by moment_number nulls last) as signal_number
    from moments
    where emotion is not null

),

worst_moments as (

    select *
    from signals
    where emotion < 0
    qualify
        row_number() over (
            partition by journey_id order by emotion nulls last, step_number nulls last
        ) = 1

),

placed as (

    select
        'position' as view,
        stage,
        least(step_number, {{ var('emotion_steps') }}) as position,
        customer_id,
        emotion,
        cast(null as double) as hours_from_worst
    from steps
    {% for measure, material, counted in [
        ('from_worst', 'moments', 'moment_number'), ('signals_from_worst', 'signals', 'signal_number')
    ] %}
    union all
    select
        '{{ measure }}' as view,
        around.stage,
        around.{{ counted }} - worst_moments.{{ counted }} as position,
        around.customer_id,
        around.emotion,
        {{ hours_between('worst_moments.occurred_at', 'around.occurred_at') }} as hours_from_worst
    from worst_moments
    inner join {{ material }} as around
        on
            worst_moments.customer_id = around.customer_id
            and around.{{ counted }} between worst_moments.{{ counted }} - {{ var('emotion_steps') }}
            and worst_moments.{{ counted }} + {{ var('emotion_steps') }}
    where
        around.{{ counted }} <> worst_moments.{{ counted }}
        -- what else was of that moment is neither before nor after it, nor the worst
        or (around.journey_id = worst_moments.journey_id and around.step_number = worst_moments.step_number)
    {% endfor %}

),

staged as (

    select * from placed
    union all
    select
        view,
        'all' as stage,
        position,
        customer_id,
        emotion,
        hours_from_worst
    from placed

),

of_customers as (

    select
        view,
        stage,
        position,
        customer_id,
        count(*) as step_count,
        count(emotion) as signal_count,
        count(*) filter (where emotion < 0) as negative_count,
        count(*) filter (where emotion > 0) as positive_count,
        sum(emotion) as emotion_sum
    from staged
    group by view, stage, position, customer_id

),

-- As many voices as would say as much if everybody spoke once: who speaks ten times is not ten people (Kish 1965).
cells as (

    select
        view,
        stage,
        position,
        cast(sum(step_count) as double) as step_count,
        cast(sum(signal_count) as double) as signal_count,
        cast(count(*) filter (where signal_count > 0) as bigint) as customer_count,
        sum(negative_count) as negative_count,
        sum(positive_count) as positive_count,
        {{ ratio('sum(emotion_sum)', 'sum(signal_count)') }} as mean_emotion,
        {{ ratio('power(sum(signal_count), 2)', 'sum(signal_count * signal_count)') }} as voice_count
    from of_customers
    group by view, stage, position

),

-- The mean on a scale of 0 to 1, as that of so many who were for or against: nothing between the two varies more.
voiced as (

    select
        *,
        voice_count * (mean_emotion + 1) / 2 as voices_for
    from cells

),

times as (

    select
        view,
        stage,
        position,
        median(hours_from_worst) filter (where emotion is not null) as median_hours_from_worst
    from staged
    group by view, stage, position

)

select
    cast(voiced.view as varchar) as view,
    cast(voiced.stage as varchar) as stage,
    cast(voiced.position as bigint) as position,
    voiced.view = 'position' and voiced.position = {{ var('emotion_steps') }} as is_open_ended,
    cast(voiced.step_count as bigint) as step_count,
    cast(voiced.signal_count as bigint) as signal_count,
    voiced.customer_count,
    voiced.customer_count < {{ var('journey_least_observations') }} as is_few,
    cast(round(voiced.mean_emotion, 4) as double) as mean_emotion,
    cast(round(2 * {{ wilson_low('voices_for', 'voice_count') }} - 1, 4) as double) as mean_emotion_low,
    cast(round(2 * {{ wilson_high('voices_for', 'voice_count') }} - 1, 4) as double) as mean_emotion_high,
    cast(round({{ ratio('voiced.negative_count', 'voiced.signal_count') }}, 4) as double) as negative_share,
    cast(round({{ ratio('voiced.positive_count', 'voiced.signal_count') }}, 4) as double) as positive_share,
    cast(round(times.median_hours_from_worst, 2) as double) as median_hours_from_worst
from voiced
inner join times
    on
        voiced.view = times.view
        and voiced.stage = times.stage
        and voiced.position = times.position
