-- Each list against the last one that readers had. Of counts as small as most lists are the quotient alone says
-- nothing: told is what it is surely beyond, by the normal interval of a log ratio of two counts (with a half added
-- to each), four standard errors wide, as eleven lists are looked at every night.
{% set bounds = var('segment_size_bounds') %}

with

compared as (

    select
        coalesce(segments.segment, last_sizes.segment) as segment,
        segments.segment is not null as is_defined,
        last_sizes.segment is not null as was_released,
        last_sizes.is_same_policy,
        coalesce(segments.size, 0) as size,
        coalesce(last_sizes.size, 0) as last_size,
        coalesce(
            {{ days_between('segments.last_as_of_date', as_of_date()) }} <= {{ bounds.most_days }}, false
        ) as is_of_late,
        ln((coalesce(segments.size, 0) + 0.5e0) / (coalesce(last_sizes.size, 0) + 0.5e0)) as log_ratio,
        4 * sqrt(
            1 / (coalesce(segments.size, 0) + 0.5e0) + 1 / (coalesce(last_sizes.size, 0) + 0.5e0)
        ) as log_error
    from {{ ref('segments') }} as segments
    full outer join {{ ref('int_segments__last_sizes') }} as last_sizes
        on segments.segment = last_sizes.segment

)

select
    case
        when was_released then segment || ': ' || last_size || ' before, ' || size || ' now'
        else segment
    end as segment,
    size,
    last_size,
    is_defined,
    was_released,
    -- what is new has no size that it had
    case
        when is_defined and was_released then exp(greatest(abs(log_ratio) - log_error, 0))
        else 1
    end as surely_times,
    case
        when is_defined and was_released and is_of_late and is_same_policy
            then exp(greatest(abs(log_ratio) - log_error, 0))
        else 1
    end as surely_times_unasked,
    surely_times <= {{ bounds.warn_times }} as is_about_as_long,
    surely_times_unasked <= {{ bounds.stop_times }} as is_no_other_list,
    -- told once: a list that stays empty is its owner's to look at
    cast(is_defined and size = 0 and (last_size > 0 or not was_released) as integer) as is_newly_empty,
    cast(not is_defined and last_size > 0 as integer) as is_gone
from compared
