with

stated as (

    select
        source,
        count(time_zone) as stated_count
    from (
        select
            source,
            time_zone
        from {{ ref('canonical_preferences') }}
        union all
        select
            source,
            time_zone
        from {{ ref('canonical_contacts') }}
        where is_current
    ) as said
    group by source

),

unreadable as (

    select
        source,
        sum(record_count) as unreadable_count
    from {{ ref('unreadable_time_zones') }}
    group by source

)

select
    stated.source,
    cast(coalesce(unreadable.unreadable_count, 0) as bigint) as unreadable_count,
    -- of at least 100, so that one odd spelling of a few is not most of them
    cast(coalesce(unreadable.unreadable_count, 0) as double)
    / greatest(stated.stated_count, 100) as unreadable_share
from stated
left join unreadable on stated.source = unreadable.source
