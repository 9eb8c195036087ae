-- What a source would not give: every row waits in quarantine, with the source's reason.
with

landed as (

    {{ landed_together('sources__refusals') }}

),

typed as (

    select
        source,
        landed_stream,

        -- ids
        {{ clean_text('stream') }} as entity,
        {{ clean_text('part') }} as part,

        -- text
        {{ clean_text('reason') }} as reason,

        -- the row as it came
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from landed

)

-- who it is about may be an address: it stands in the payload alone
select
    source,
    landed_stream,
    entity,
    part,
    load_id,
    load_date,
    is_new_load,
    row_hash,
    coalesce(entity, '') || ':' || coalesce(part, '') as record_key,
    true as is_seen,
    coalesce(entity, 'a record') || ' could not be read: ' || coalesce(reason, 'nobody knows why')
        as quarantine_reason,
    true as is_quarantined,
    {{ json_of('raw') }} as payload,
    1 as version_rank
from typed
