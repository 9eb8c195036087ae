with

landed as (

    {{ landed('klaviyo', 'flow_messages') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'name': 'string',
            'channel': 'string',
            'definition': {'name': 'string', 'transactional': 'string'},
        }) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as message_id,
        {{ clean_text('flow_id') }} as flow_id,
        coalesce(
            {{ clean_text('action_id') }},
            {{ clean_text(json_text('relationships', '$.flow-action.data.id')) }}
        ) as action_id,

        -- text
        coalesce(
            {{ clean_text('members.definition.name') }}, {{ clean_text('members.name') }}
        ) as message_name,
        {{ channel_of_message('members.channel') }} as channel,

        -- booleans
        {{ boolean('members.definition.transactional') }} as is_transactional,

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
        message_id,
        flow_id,
        action_id,
        message_name,
        channel,
        is_transactional,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        message_id as record_key,
        true as is_seen,
        case
            when message_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['message_id']) }} as version_rank
from checked
