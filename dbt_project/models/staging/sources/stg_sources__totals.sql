with

versions as (

    select * from {{ ref('base_sources__totals') }}

)

select
    source,
    landed_stream,
    entity,
    checked_date,
    source_total_count,
    landed_total_count,
    method,
    compared_from,
    compared_to,
    case
        when source_total_count is null then 'not compared'
        when not_compared is not null then 'compared in part'
        else 'compared'
    end as comparison,
    not_compared
from versions
where {{ is_staged() }}
