with

landed as (

    {{ landed('klaviyo', 'metrics') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {'name': 'string', 'integration': {'name': 'string'}}) }}
            as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as metric_id,

        -- text
        {{ clean_text('members.name') }} as metric_name,
        {{ clean_text('members.integration.name') }} as integration_name,

        -- timestamps
        {{ utc_timestamp('created') }} as created_at,
        {{ utc_timestamp('updated') }} as updated_at,

        -- the row as it came
        members,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        metric_id,
        metric_name,
        integration_name,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        metric_id as record_key,
        true as is_seen,
        case
            when metric_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
            when metric_name is null then 'the metric has no name'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['metric_id'], changed_at='updated_at') }} as version_rank
from checked
