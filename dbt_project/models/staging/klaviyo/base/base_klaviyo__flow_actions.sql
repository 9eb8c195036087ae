with

landed as (

    {{ landed('klaviyo', 'flow_actions') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'definition': {
                'type': 'string',
                'data': {
                    'status': 'string',
                    'message': {'id': 'string', 'name': 'string', 'transactional': 'string'},
                    'main_action': {'data': {'message': {
                        'id': 'string', 'name': 'string', 'transactional': 'string',
                    }}},
                },
            },
        }) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as action_id,
        coalesce(
            {{ clean_text('flow_id') }},
            {{ clean_text(json_text('relationships', '$.flow.data.id')) }}
        ) as flow_id,
        -- of a test, the message that it began with
        coalesce(
            {{ clean_text('members.definition.data.message.id') }},
            {{ clean_text('members.definition.data.main_action.data.message.id') }}
        ) as message_id,

        -- text
        lower({{ clean_text('members.definition.type') }}) as action_type,
        lower({{ clean_text('members.definition.data.status') }}) as action_status,
        coalesce(
            {{ clean_text('members.definition.data.message.name') }},
            {{ clean_text('members.definition.data.main_action.data.message.name') }}
        ) as message_name,

        -- booleans
        {{ boolean(
            'coalesce(members.definition.data.message.transactional, '
            ~ 'members.definition.data.main_action.data.message.transactional)'
        ) }} as is_transactional,

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
        action_id,
        flow_id,
        message_id,
        action_type,
        action_status,
        message_name,
        is_transactional,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        action_id as record_key,
        true as is_seen,
        case
            when action_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['action_id']) }} as version_rank
from checked
