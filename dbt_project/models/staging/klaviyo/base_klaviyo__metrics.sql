with

landed as (

    {{ landed('klaviyo', 'metrics') }}

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as metric_id,

        -- text
        {{ json_text('attributes', '/name') }} as metric_name,
        {{ json_text('attributes', '/integration/name') }} as integration_name,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,
        {{ utc_timestamp('updated') }} as updated_at,

        -- the row as it came
        attributes,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        payload

    from landed

),

checked as (

    select
        *,
        metric_id as record_key,
        true as is_seen,
        case
            when metric_id is null then 'id is missing'
            when not {{ is_object('attributes') }} then 'attributes is not a JSON object'
            when metric_name is null then 'the metric has no name'
        end as quarantine_reason

    from typed

)

select
    *,
    {{ version_rank(['metric_id'], changed_at='updated_at') }} as version_rank
from checked
