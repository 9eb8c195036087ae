-- The latest read of a record's associations is all of them: one that is gone is in no list.
with

versions as (

    select * from {{ ref('base_hubspot__associations') }}

)

select
    from_type,
    from_id,
    to_type,
    to_ids
from versions
where {{ is_staged() }}
