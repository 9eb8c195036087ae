with

members as (

    select
        segment,
        count(*) as size,
        count(*) filter (where arm = 'treatment') as treatment_size,
        count(*) filter (where arm = 'holdout') as holdout_size
    from {{ ref('segment_members') }}
    group by segment

),

suppressions as (

    select
        segment,
        count(*) as suppressed_count
    from {{ ref('segment_suppressions') }}
    group by segment

)

select
    definitions.segment,
    definitions.description,
    definitions.owner,
    definitions.destination,
    definitions.priority,
    definitions.takes_slot,
    definitions.channel,
    definitions.treatment,
    definitions.is_offer,
    definitions.topic,
    definitions.send_window,
    cast(definitions.holdout_share as double) as holdout_share,
    {{ as_of_date() }} as as_of_date,
    cast(coalesce(members.size, 0) as bigint) as size,
    cast(coalesce(members.treatment_size, 0) as bigint) as treatment_size,
    cast(coalesce(members.holdout_size, 0) as bigint) as holdout_size,
    cast(coalesce(suppressions.suppressed_count, 0) as bigint) as suppressed_count
from {{ ref('segment_definitions') }} as definitions
left join members on definitions.segment = members.segment
left join suppressions on definitions.segment = suppressions.segment
