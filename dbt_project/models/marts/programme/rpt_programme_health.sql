{% set bounds = var('programme_bounds') %}
{% set z = var('confidence_z') %}

with

bounds as (

    {% for measure, bound in bounds.items() %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        '{{ measure }}' as measure,
        cast({{ bound }} as double) as bound
    {% else %}
    select
        cast(null as string) as measure,
        cast(null as double) as bound
    where false
    {% endfor %}

),

-- The three months before, as one: a single month of a small firm is chance.
compared as (

    select
        *,
        sum(counted) over months_before as counted_before,
        sum(total) over months_before as total_before
    from {{ ref('int_programme__figures') }}
    window
        months_before as (
            partition by measure, scope
            order by {{ months_between("date '1970-01-01'", 'month_start_date') }} nulls last
            range between 3 preceding and 1 preceding
        )

),

valued as (

    select
        compared.*,
        bounds.bound,
        {{ ratio('compared.counted', 'compared.total') }} as figure,
        {{ ratio('compared.counted_before', 'compared.total_before') }} as figure_before
    from compared
    left join bounds on compared.measure = bounds.measure

),

-- How far from chance the change is: of two shares with a case more on each side (Agresti and Caffo 2000),
-- so that one of one is no news; of two rates by their counts.
smoothed as (

    select
        *,
        month_start_date <= {{ last_day_of_complete_months() }} as is_month_over,
        -- of a month that still runs only what has happened so far is known, and nothing is said of it
        is_month_over or scope = 'stock' as is_told,
        (counted + 1e0) / (total + 2) as share_now,
        (counted_before + 1e0) / (total_before + 2) as share_before
    from valued

),

changed as (

    select
        *,
        case unit
            when 'share'
                then
                    (share_now - share_before) / sqrt(
                        share_now * (1 - share_now) / (total + 2)
                        + share_before * (1 - share_before) / (total_before + 2)
                    )
            else
                (figure - figure_before) / sqrt(
                    (counted + 1e0) / nullif(power(total, 2), 0)
                    + (counted_before + 1e0) / nullif(power(total_before, 2), 0)
                )
        end as deviations
    from smoothed

)

select
    month_start_date,
    cast(measure as string) as measure,
    cast(scope as string) as scope,
    is_month_over,
    cast(area as string) as area,
    cast(cause as string) as cause,
    cast(question as string) as question,
    cast(unit as string) as unit,
    is_higher_better,
    cast(counted as bigint) as counted,
    cast(total as bigint) as total,
    round(figure * 1e6) / 1e6 as figure,
    case when unit = 'share' then round({{ wilson_low('counted', 'total') }} * 1e6) / 1e6 end as figure_low,
    case when unit = 'share' then round({{ wilson_high('counted', 'total') }} * 1e6) / 1e6 end as figure_high,
    round(figure_before * 1e6) / 1e6 as figure_before,
    cast(
        case
            when figure_before is null or not is_told then cast(null as string)
            when abs(deviations) < {{ z }} then 'steady'
            when (deviations > 0) = is_higher_better then 'better'
            else 'worse'
        end as string
    ) as trend,
    bound,
    case
        when is_told
            then case when is_higher_better then figure < bound else figure > bound end
    end as is_beyond_bound
from changed
