with

journeys as (

    select
        *,
        is_compared and outcome = 'silent' as is_silent
    from {{ ref('fct_service_journeys') }}

),

grouped as (

    {% for handling in ["'all'", 'handling'] %}
    {% for split_by, split_value in [('all', "'all'"), ('priority', "coalesce(priority, 'none')")] %}
    select
        {{ handling }} as handling_of_group,
        '{{ split_by }}' as split_by,
        {{ split_value }} as split_value,
        journeys.*
    from journeys
    union all
    {% endfor %}
    {% endfor %}
    {% for reason in ['slow', 'reopened', 'negative'] %}
    select
        handling as handling_of_group,
        'reason' as split_by,
        '{{ reason }}' as split_value,
        journeys.*
    from journeys
    where is_{{ reason }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

counted as (

    select
        handling_of_group as handling,
        split_by,
        split_value,
        count(*) as journey_count,
        count(distinct customer_id) as customer_count,
        count(*) filter (where outcome = 'no_rhythm') as no_rhythm_count,
        count(*) filter (where is_compared) as compared_count,
        count(*) filter (where has_ordered_again) as again_count,
        count(*) filter (where is_silent) as silent_count,
        median(usual_days_between_orders) filter (where is_compared) as usual_days_between_orders,
        median(waited_days) filter (where is_compared) as median_wait_days,
        -- in ten-thousandths of a day and millionths: whole numbers add up to the same in any order
        sum(cast(round(waited_days * 1e4) as bigint)) filter (where is_compared) as waited,
        sum(cast(round(usual_wait_days * 1e4) as bigint)) filter (where is_compared) as usual_wait,
        sum(cast(round(usual_again_share * 1e6) as bigint)) filter (where is_compared) as usual_again
    from grouped
    group by handling_of_group, split_by, split_value

)

select
    cast(handling as string) as handling,
    cast(split_by as string) as split_by,
    cast(split_value as string) as split_value,
    cast(journey_count as bigint) as journey_count,
    cast(customer_count as bigint) as customer_count,
    cast(no_rhythm_count as bigint) as no_rhythm_count,
    cast(journey_count - no_rhythm_count - compared_count as bigint) as too_early_count,
    cast(compared_count as bigint) as compared_count,
    compared_count < {{ var('journey_least_observations') }} as is_few,
    cast(round(usual_days_between_orders * 1e2) / 1e2 as double) as usual_days_between_orders,
    cast(round(median_wait_days * 1e2) / 1e2 as double) as median_wait_days,
    cast(round({{ ratio('waited', 'compared_count') }} / 1e4 * 1e2) / 1e2 as double) as mean_wait_days,
    cast(round({{ ratio('usual_wait', 'compared_count') }} / 1e4 * 1e2) / 1e2 as double) as usual_wait_days,
    cast(round({{ ratio('waited', 'usual_wait') }} * 1e3) / 1e3 as double) as wait_ratio,
    {% for count in ['again', 'silent'] %}
    cast({{ count }}_count as bigint) as {{ count }}_count,
    cast(round({{ ratio(count ~ '_count', 'compared_count') }} * 1e4) / 1e4 as double) as {{ count }}_share,
    cast(round({{ wilson_low(count ~ '_count', 'compared_count') }} * 1e4) / 1e4 as double) as {{ count }}_share_low,
    cast(round({{ wilson_high(count ~ '_count', 'compared_count') }} * 1e4) / 1e4 as double) as {{ count }}_share_high,
    {% endfor %}
    cast(round({{ ratio('usual_again', 'compared_count') }} / 1e6 * 1e4) / 1e4 as double) as usual_again_share
from counted
