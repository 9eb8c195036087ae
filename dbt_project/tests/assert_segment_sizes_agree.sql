with

members as (

    select
        segment,
        count(*) as member_count
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

select segments.segment
from {{ ref('segments') }} as segments
left join members on segments.segment = members.segment
left join suppressions on segments.segment = suppressions.segment
where
    segments.size <> coalesce(members.member_count, 0)
    or segments.qualified_count <> segments.size + segments.suppressed_count
    or segments.size <> segments.treatment_size + segments.holdout_size
    or segments.suppressed_count <> coalesce(suppressions.suppressed_count, 0)
