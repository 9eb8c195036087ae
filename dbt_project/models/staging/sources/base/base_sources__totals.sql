with

landed as (

    {{ landed_together('sources__totals') }}

),

typed as (

    select
        source,
        landed_stream,

        -- text
        {{ clean_text('stream') }} as entity,
        {{ clean_text('method') }} as method,
        {{ whole_text('not_compared') }} as not_compared,

        -- numbers
        {{ whole_number('source_total') }} as source_total_count,
        {{ whole_number('landed_total') }} as landed_total_count,

        -- dates
        cast({{ utc_timestamp('checked_on') }} as date) as checked_date,

        -- timestamps
        {{ utc_timestamp('compared_from') }} as compared_from,
        {{ utc_timestamp('compared_to') }} as compared_to,

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
        entity,
        method,
        not_compared,
        source_total_count,
        landed_total_count,
        checked_date,
        compared_from,
        compared_to,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(entity, '') || ':' || coalesce(cast(checked_date as string), '') as record_key,
        true as is_seen,
        case
            when entity is null then 'stream is missing'
            when checked_date is null then 'checked_on is missing or not a date'
            when {{ is_refused() }} or not_compared is not null then null
            when source_total_count is null then 'source_total is not a whole number'
            when landed_total_count is null then 'landed_total is not a whole number'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['source', 'entity', 'checked_date', 'compared_from']) }} as version_rank
from checked
