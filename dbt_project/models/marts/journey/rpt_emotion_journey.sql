-- Only who said something bad has a worst moment; what they said after that of one journey may lie in the next.
-- Steps close together are one moment: of two answers to one message none comes after the other.
with

unhappy_customers as (

    select distinct customer_id
    from {{ ref('fct_journey_steps') }}
    where emotion < 0

),

-- a customer's steps in one row, journey after journey
steps_of_unhappy as (

    select
        steps.journey_id,
        steps.journey_number,
        steps.step_number,
        steps.customer_id,
        steps.occurred_at,
        steps.stage,
        steps.emotion,
        lag(steps.occurred_at) over (
            partition by steps.customer_id order by steps.journey_number nulls last, steps.step_number nulls last
        ) as previous_at
    from {{ ref('fct_journey_steps') }} as steps
    inner join unhappy_customers on steps.customer_id = unhappy_customers.customer_id

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
    from steps_of_unhappy

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

-- Around the worst moment all steps, else those at which something was said: most say nothing, and are only counted.
placed as (

    {% for measure, material, counted in [
        ('from_worst', 'moments', 'moment_number'), ('signals_from_worst', 'signals', 'signal_number')
    ] %}
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
    union all
    {% endfor %}
    select
        'position' as view,
        stage,
        least(step_number, {{ var('emotion_steps') }}) as position,
        customer_id,
        emotion,
        cast(null as double) as hours_from_worst
    from {{ ref('fct_journey_steps') }}
    where emotion is not null

),

counted as (

    select
        view,
        stage,
        position,
        count(*) as step_count
    from placed
    where view <> 'position'
    group by view, stage, position
    union all
    select
        'position' as view,
        stage,
        least(step_number, {{ var('emotion_steps') }}) as position,
        count(*) as step_count
    from {{ ref('fct_journey_steps') }}
    group by stage, least(step_number, {{ var('emotion_steps') }})

),

cells as (

    select * from counted
    union all
    select
        view,
        'all' as stage,
        position,
        sum(step_count) as step_count
    from counted
    group by view, position

),

said as (

    {% for stage in ['stage', "'all'"] %}
    select
        view,
        {{ stage }} as stage,
        position,
        customer_id,
        -- exact, so that no order of adding up changes a digit
        cast(emotion as decimal(6, 4)) as emotion,
        hours_from_worst
    from placed
    where emotion is not null
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

of_customers as (

    select
        view,
        stage,
        position,
        customer_id,
        count(*) as signal_count,
        count(*) filter (where emotion < 0) as negative_count,
        count(*) filter (where emotion > 0) as positive_count,
        sum(emotion) as emotion_sum
    from said
    group by view, stage, position, customer_id

),

-- As many voices as would say as much if everybody spoke once: who speaks ten times is not ten people (Kish 1965).
voices as (

    select
        view,
        stage,
        position,
        cast(sum(signal_count) as double) as signal_count,
        count(*) as customer_count,
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
    from voices

),

times as (

    select
        view,
        stage,
        position,
        median(hours_from_worst) as median_hours_from_worst
    from said
    group by view, stage, position

)

select
    cast(cells.view as string) as view,
    cast(cells.stage as string) as stage,
    cast(cells.position as bigint) as position,
    cells.view = 'position' and cells.position = {{ var('emotion_steps') }} as is_open_ended,
    cast(cells.step_count as bigint) as step_count,
    cast(coalesce(voiced.signal_count, 0) as bigint) as signal_count,
    cast(coalesce(voiced.customer_count, 0) as bigint) as customer_count,
    coalesce(voiced.customer_count, 0) < {{ var('journey_least_observations') }} as is_few,
    cast(round(voiced.mean_emotion * 1e4) / 1e4 as double) as mean_emotion,
    cast(round((2 * {{ wilson_low('voices_for', 'voice_count') }} - 1) * 1e4) / 1e4 as double) as mean_emotion_low,
    cast(round((2 * {{ wilson_high('voices_for', 'voice_count') }} - 1) * 1e4) / 1e4 as double) as mean_emotion_high,
    cast(round({{ ratio('voiced.negative_count', 'voiced.signal_count') }} * 1e4) / 1e4 as double) as negative_share,
    cast(round({{ ratio('voiced.positive_count', 'voiced.signal_count') }} * 1e4) / 1e4 as double) as positive_share,
    cast(round(times.median_hours_from_worst * 1e2) / 1e2 as double) as median_hours_from_worst
from cells
left join voiced
    on cells.view = voiced.view and cells.stage = voiced.stage and cells.position = voiced.position
left join times
    on cells.view = times.view and cells.stage = times.stage and cells.position = times.position
