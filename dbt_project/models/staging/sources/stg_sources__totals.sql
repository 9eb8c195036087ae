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
    method
from versions
where {{ is_staged() }}
