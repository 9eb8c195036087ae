-- Whose record its source no longer lists. Of a declared source what is gone is a record of some
-- table; whose it was, the table's mapping says.
select
    source,
    record_id as contact_id,
    successor_id,
    noticed_date
from {{ ref('stg_sources__removals') }}
where object_type = {{ person_stream('source') }}
union all
select
    source,
    contact_id,
    cast(null as string) as successor_id,
    removed_date as noticed_date
from {{ ref('base_mapped__contacts') }}
where {{ is_staged() }} and is_removed
