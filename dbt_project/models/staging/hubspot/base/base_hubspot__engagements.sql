{{
    config(
        materialized=typed_once(),
        incremental_strategy='append',
        on_schema_change='fail',
        meta={
            'version_key': ['landed_stream', 'engagement_id'],
            'changed_at': 'updated_at',
            'prefer': 'is_archived',
            'has_load_dates': true,
        },
        pre_hook="{{ age_typed_rows('hubspot', seen_at='created_at') }}",
        post_hook="{{ rank_anew() }}"
    )
}}

-- Six kinds of engagement land in one shape, each with times and outcomes of its own.
with

landed as (

    {{ not_yet_typed(landed_together('hubspot__engagements')) }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'hs_timestamp', 'hubspot_owner_id', 'hs_call_direction', 'hs_call_disposition',
            'hs_call_duration', 'hs_call_status', 'hs_email_direction', 'hs_email_status',
            'hs_meeting_start_time', 'hs_meeting_end_time', 'hs_meeting_outcome',
            'hs_task_status', 'hs_task_type', 'hs_task_completion_date',
            'hs_communication_channel_type', 'communication_direction',
        ]) }} as members
    from landed

),

typed as (

    select
        source,
        landed_stream,

        -- ids
        {{ clean_text('id') }} as engagement_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,

        -- text
        {{ replaced('landed_stream', 's$', '') }} as engagement_type,
        case landed_stream
            when 'calls' then 'phone'
            when 'emails' then 'email'
            when 'meetings' then 'meeting'
            when 'communications'
                then
                    case upper(members.hs_communication_channel_type)
                        when 'SMS' then 'sms'
                        when 'LINKEDIN_MESSAGE' then 'social'
                        else 'chat'
                    end
        end as channel,
        case
            when landed_stream = 'calls' then lower({{ clean_text('members.hs_call_direction') }})
            when landed_stream = 'emails'
                then
                    case upper(members.hs_email_direction)
                        when 'EMAIL' then 'outbound'
                        when 'INCOMING_EMAIL' then 'inbound'
                        when 'FORWARDED_EMAIL' then 'inbound'
                    end
            when landed_stream = 'communications'
                then
                    coalesce(
                        lower({{ clean_text('members.communication_direction') }}), 'outbound'
                    )
        end as direction,
        lower(
            coalesce(
                {{ clean_text('members.hs_call_status') }},
                {{ clean_text('members.hs_email_status') }},
                {{ clean_text('members.hs_meeting_outcome') }},
                {{ clean_text('members.hs_task_status') }}
            )
        ) as outcome,
        {{ clean_text('members.hs_call_disposition') }} as call_disposition,
        lower({{ clean_text('members.hs_task_type') }}) as task_type,

        -- booleans
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('members.hs_timestamp') }} as due_at,
        {{ utc_timestamp('members.hs_meeting_start_time') }} as began_at,
        {{ utc_timestamp('members.hs_meeting_end_time') }} as ended_at,
        {{ utc_timestamp('members.hs_task_completion_date') }} as completed_at,
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

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
        source,
        landed_stream,
        engagement_id,
        owner_id,
        engagement_type,
        channel,
        direction,
        outcome,
        call_disposition,
        task_type,
        is_archived,
        completed_at,
        created_at,
        updated_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        coalesce(began_at, due_at, created_at) as occurred_at,
        coalesce(
            {{ number('members.hs_call_duration') }} / 1000,
            cast(
                {{ microseconds_of("date_trunc('second', ended_at)") }}
                - {{ microseconds_of("date_trunc('second', began_at)") }} as double
            ) / 1000000
        ) as duration_seconds,
        engagement_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('engagement_id') }}
            when {{ is_no_time('members.hs_timestamp', 'due_at') }}
                then 'hs_timestamp is not a time'
            when {{ is_no_time('members.hs_meeting_start_time', 'began_at') }}
                then 'hs_meeting_start_time is not a time'
            when {{ is_no_time('members.hs_meeting_end_time', 'ended_at') }}
                then 'hs_meeting_end_time is not a time'
            when {{ is_no_time('members.hs_task_completion_date', 'completed_at') }}
                then 'hs_task_completion_date is not a time'
            when
                members.hs_call_duration <> ''
                and {{ number('members.hs_call_duration') }} is null
                then 'hs_call_duration is not a number'
            when direction not in ('inbound', 'outbound') then 'the direction is unknown'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ ranked_when_typed() }}
from checked
