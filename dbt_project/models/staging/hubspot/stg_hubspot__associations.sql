-- The latest read of a record's associations is all of them: one that is gone is in no row.
with

versions as (

    select * from {{ ref('base_hubspot__associations') }}

)

select distinct
    from_type,
    from_id,
    to_type,
    unnest(to_ids) as to_id
from versions
where {{ is_staged() }}
