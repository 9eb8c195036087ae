with

landed as (

    {{ landed('klaviyo', 'flows') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', ['name', 'status', 'archived', 'trigger_type']) }}
            as members,
        {{ cut_texts('coalesce(' ~ json_list('tags') ~ ', ' ~ empty_list('string') ~ ')') }}
            as tag_names
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as flow_id,

        -- text
        {{ clean_text('members.name') }} as flow_name,
        lower({{ clean_text('members.status') }}) as flow_status,
        lower({{ clean_text('members.trigger_type') }}) as trigger_type,
        {{ sorted_list('tag_names') }} as tags,

        -- booleans
        coalesce({{ boolean('members.archived') }}, false) as is_archived,

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
        flow_id,
        flow_name,
        flow_status,
        trigger_type,
        tags,
        is_archived,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        flow_id as record_key,
        true as is_seen,
        case
            when flow_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['flow_id']) }} as version_rank
from checked
