with

landed as (

    {{ landed('klaviyo', 'flow_actions') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'definition': {
                'type': 'VARCHAR',
                'data': {
                    'status': 'VARCHAR',
                    'message': {'id': 'VARCHAR', 'name': 'VARCHAR', 'transactional': 'VARCHAR'},
                    'main_action': {'data': {'message': {
                        'id': 'VARCHAR', 'name': 'VARCHAR', 'transactional': 'VARCHAR',
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
            {{ clean_text("json_extract_string(try_cast(relationships as json), '$.flow.data.id')") }}
        ) as flow_id,
        -- of a test, the message that it began with
        coalesce(
            {{ clean_text('members.definition."data".message.id') }},
            {{ clean_text('members.definition."data".main_action."data".message.id') }}
        ) as message_id,

        -- text
        lower({{ clean_text('members.definition."type"') }}) as action_type,
        lower({{ clean_text('members.definition."data".status') }}) as action_status,
        coalesce(
            {{ clean_text('members.definition."data".message.name') }},
            {{ clean_text('members.definition."data".main_action."data".message.name') }}
        ) as message_name,

        -- booleans
        try_cast(
            coalesce(
                members.definition."data".message.transactional,
                members.definition."data".main_action."data".message.transactional
            ) as boolean
        ) as is_transactional,

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
        * exclude (raw),
        action_id as record_key,
        true as is_seen,
        case
            when action_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then cast(to_json(raw) as string) end as payload

    from typed

)

select
    * exclude (members),
    {{ version_rank(['action_id']) }} as version_rank
from checked
