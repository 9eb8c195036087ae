with

landed as (

    {{ landed('klaviyo', 'flow_messages') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'name': 'VARCHAR',
            'channel': 'VARCHAR',
            'definition': {'name': 'VARCHAR', 'transactional': 'VARCHAR'},
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
            {{ clean_text(
                "json_extract_string(try_cast(relationships as json), '$.flow-action.data.id')"
            ) }}
        ) as action_id,

        -- text
        coalesce(
            {{ clean_text('members.definition.name') }}, {{ clean_text('members.name') }}
        ) as message_name,
        {{ channel_of_message('members.channel') }} as channel,

        -- booleans
        try_cast(members.definition.transactional as boolean) as is_transactional,

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
        message_id as record_key,
        true as is_seen,
        case
            when message_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then cast(to_json(raw) as string) end as payload

    from typed

)

select
    * exclude (members),
    {{ version_rank(['message_id']) }} as version_rank
from checked
