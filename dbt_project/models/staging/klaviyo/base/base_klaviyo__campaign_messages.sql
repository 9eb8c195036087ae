with

landed as (

    {{ landed('klaviyo', 'campaign_messages') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'definition': {'label': 'string', 'channel': 'string'},
        }) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as message_id,
        coalesce(
            {{ clean_text('campaign_id') }},
            {{ clean_text(json_text('relationships', '$.campaign.data.id')) }}
        ) as campaign_id,

        -- text
        {{ clean_text('members.definition.label') }} as message_name,
        {{ channel_of_message('members.definition.channel') }} as channel,

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
        campaign_id,
        message_name,
        channel,
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
