with

unreadable as (

    select
        source,
        sum(record_count) as unreadable_count
    from {{ ref('unreadable_time_zones') }}
    group by source

)

select
    sources.source,
    cast(coalesce(unreadable.unreadable_count, 0) as bigint) as unreadable_count
from (values ('hubspot'), ('klaviyo')) as sources (source)
left join unreadable on sources.source = unreadable.source
