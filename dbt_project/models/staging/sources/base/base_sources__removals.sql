with

landed as (

    {{ landed_together('sources__removals') }}

),

typed as (

    select
        source,
        landed_stream,

        -- ids
        {{ clean_text('object_type') }} as object_type,
        {{ clean_text('id') }} as record_id,
        {{ clean_text('successor_id') }} as successor_id,

        -- dates
        cast({{ utc_timestamp('noticed_on') }} as date) as noticed_date,

        -- the row as it came
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from landed

),

checked as (

    select
        source,
        landed_stream,
        object_type,
        record_id,
        successor_id,
        noticed_date,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(object_type, '') || ':' || coalesce(record_id, '') as record_key,
        true as is_seen,
        case
            when object_type is null then 'object_type is missing'
            when record_id is null then 'id is missing'
            when noticed_date is null then 'noticed_on is missing or not a date'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{
        version_rank(['source', 'object_type', 'record_id'], changed_at='noticed_date')
    }} as version_rank
from checked
