-- A state that few have left is measured as the others are, and given no rank: its drop-off is anything.
with

states as (

    select
        *,
        exit_count >= {{ var('journey_least_exits') }} and recovered_conversions is not null as is_ranked
    from {{ ref('int_journey__friction') }}

)

select
    cast(breakdown as string) as breakdown,
    cast(breakdown_value as string) as breakdown_value,
    cast(stage as string) as stage,
    cast(channel as string) as channel,
    cast(exit_count as bigint) as exit_count,
    cast(drop_off_count as bigint) as drop_off_count,
    cast(round({{ ratio('drop_off_count', 'exit_count') }} * 1e9) / 1e9 as double) as drop_off_probability,
    cast(round({{ wilson_low('drop_off_count', 'exit_count') }} * 1e6) / 1e6 as double) as drop_off_probability_low,
    cast(round({{ wilson_high('drop_off_count', 'exit_count') }} * 1e6) / 1e6 as double) as drop_off_probability_high,
    cast(usual_drop_off_probability as double) as usual_drop_off_probability,
    cast(conversion_probability as double) as conversion_probability,
    cast(extra_visits as double) as extra_visits,
    cast(expected_steps as double) as expected_steps,
    cast(expected_hours as double) as expected_hours,
    cast(recovered_conversions as double) as recovered_conversions,
    cast(recovered_conversions_low as double) as recovered_conversions_low,
    cast(recovered_conversions_high as double) as recovered_conversions_high,
    cast(
        case
            when is_ranked
                then row_number() over (
                    partition by breakdown, breakdown_value, is_ranked
                    order by
                        recovered_conversions desc nulls last,
                        {{ ratio('drop_off_count', 'exit_count') }} desc nulls last,
                        stage nulls last,
                        channel nulls last
                )
        end as bigint
    ) as friction_rank
from states
