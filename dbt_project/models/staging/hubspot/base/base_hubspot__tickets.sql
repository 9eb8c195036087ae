with

landed as (

    {{ landed('hubspot', 'tickets') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'hs_pipeline', 'hs_pipeline_stage', 'hs_ticket_category', 'hs_ticket_priority',
            'source_type', 'createdate', 'first_agent_reply_date', 'closed_date',
            'hubspot_owner_id', 'customer_sentiment',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as ticket_id,
        {{ clean_text('members.hubspot_owner_id') }} as owner_id,

        -- text
        {{ clean_text('members.hs_pipeline') }} as pipeline,
        {{ clean_text('members.hs_pipeline_stage') }} as ticket_stage,
        {{ clean_text('members.hs_ticket_category') }} as category,
        lower({{ clean_text('members.hs_ticket_priority') }}) as priority,
        lower({{ clean_text('members.source_type') }}) as source_type,
        case
            when lower({{ trimmed('members.customer_sentiment') }}) in ('negative', 'neutral', 'positive')
                then lower({{ trimmed('members.customer_sentiment') }})
        end as sentiment,
        {{ json_part('properties_with_history', '$.hs_pipeline_stage') }} as stage_history,

        -- booleans
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp(
            "coalesce(" ~ clean_text('members.createdate') ~ ", created_at)"
        ) }} as opened_at,
        {{ utc_timestamp('members.first_agent_reply_date') }} as first_replied_at,
        {{ utc_timestamp('members.closed_date') }} as closed_at,
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,

        -- the row as it came
        members,
        {{ unreadable([
            ('customer_sentiment', clean_text('members.customer_sentiment') ~ ' is not null'
                ~ ' and lower(' ~ trimmed('members.customer_sentiment') ~ ") not in ('negative', 'neutral', 'positive')"),
        ]) }} as unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        raw

    from opened

),

checked as (

    select
        ticket_id,
        owner_id,
        pipeline,
        ticket_stage,
        category,
        priority,
        source_type,
        sentiment,
        stage_history,
        is_archived,
        opened_at,
        first_replied_at,
        closed_at,
        created_at,
        updated_at,
        unreadable_fields,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        ticket_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('ticket_id') }}
            when {{ is_no_time('members.createdate', 'opened_at') }} then 'createdate is not a time'
            when {{ is_no_time('members.first_agent_reply_date', 'first_replied_at') }}
                then 'first_agent_reply_date is not a time'
            when {{ is_no_time('members.closed_date', 'closed_at') }}
                then 'closed_date is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case
            when is_quarantined or {{ size_of('unreadable_fields') }} > 0 then {{ json_of('raw') }}
        end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['ticket_id']) }},
    {{
        version_rank(['ticket_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
