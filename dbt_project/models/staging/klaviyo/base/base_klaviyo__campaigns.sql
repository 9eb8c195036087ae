with

landed as (

    {{ landed('klaviyo', 'campaigns') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', ['name', 'status', 'archived', 'send_time']) }} as members,
        {{ json_members('relationships', {'campaign-messages': {'data': [{'id': 'string'}]}}) }}
            as related,
        {{ cut_texts('coalesce(' ~ json_list('tags') ~ ', ' ~ empty_list('string') ~ ')') }} as tag_names
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as campaign_id,
        case
            when related is not null
                then
                    coalesce(
                        {{ each_of(
                            member('related', 'campaign-messages') ~ '.data', 'message', 'message.id'
                        ) }},
                        {{ empty_list('string') }}
                    )
        end as message_ids,

        -- text
        {{ channel_of_message('channel') }} as channel,
        {{ clean_text('members.name') }} as campaign_name,
        lower({{ clean_text('members.status') }}) as campaign_status,
        {{ sorted_list('tag_names') }} as tags,

        -- booleans
        coalesce({{ boolean('members.archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('members.send_time') }} as sent_at,

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
        campaign_id,
        message_ids,
        channel,
        campaign_name,
        campaign_status,
        tags,
        is_archived,
        created_at,
        updated_at,
        sent_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        campaign_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            when campaign_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
            when created_at is null then 'created_at is missing or not a time'
            when updated_at is null then 'updated_at is missing or not a time'
            when {{ is_no_time('members.send_time', 'sent_at') }} then 'send_time is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['campaign_id'], changed_at='updated_at') }} as version_rank
from checked
