with

said as (

    select
        source,
        time_zone as spelling
    from {{ ref('canonical_preferences') }}
    where not is_removed
    union all
    select
        source,
        time_zone as spelling
    from {{ ref('canonical_contacts') }}
    where is_current and not is_removed

)

select
    said.source,
    said.spelling,
    count(*) as record_count
from said
left join {{ ref('int_clocks__zone_names') }} as zone_names
    on {{ zone_key('said.spelling') }} = zone_names.spelling_key
where said.spelling is not null and zone_names.spelling_key is null
group by said.source, said.spelling
