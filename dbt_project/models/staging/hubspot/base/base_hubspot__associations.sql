{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        meta={
            'version_key': ['from_type', 'to_type', 'from_id'],
            'changed_at': 'read_date',
        },
        pre_hook="{{ age_typed_rows('hubspot') }}",
        post_hook="{{ rank_anew() }}"
    )
}}

with

landed as (

    {{ not_yet_typed(landed('hubspot', 'associations')) }}

),

typed as (

    select
        -- ids
        lower({{ clean_text('from_type') }}) as from_type,
        {{ clean_text('from_id') }} as from_id,
        lower({{ clean_text('to_type') }}) as to_type,
        {{ json_list('targets', 'toObjectId') }} as to_ids,

        -- dates
        cast({{ utc_timestamp('read_on') }} as date) as read_date,

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
        from_type,
        from_id,
        to_type,
        to_ids,
        read_date,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(from_type, '')
        || ':' || coalesce(from_id, '')
        || ':' || coalesce(to_type, '') as record_key,
        true as is_seen,
        case
            when from_type is null then 'from_type is missing'
            when from_id is null then 'from_id is missing'
            when to_type is null then 'to_type is missing'
            when to_ids is null then 'targets is not a JSON list'
            when {{ is_no_time('raw.read_on', 'read_date') }} then 'read_on is not a date'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ ranked_when_typed() }}
from checked
