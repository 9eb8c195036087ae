with

versions as (

    select * from {{ ref('base_sources__removals') }}

)

select
    source,
    landed_stream,
    object_type,
    record_id,
    successor_id,
    noticed_date
from versions
where {{ is_staged() }}
