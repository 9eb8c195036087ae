with

landed as (

    {{ landed('hubspot', 'marketing_emails') }}

),

opened as (

    select
        *,
        {{ json_members('attributes', {
            'name': 'string',
            'state': 'string',
            'type': 'string',
            'isTransactional': 'string',
            'publishDate': 'string',
            'primaryEmailCampaignId': 'string',
            'allEmailCampaignIds': ['string'],
            'testing': {'testId': 'string', 'abStatus': 'string'},
        }) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as marketing_email_id,
        {{ distinct_sorted(
            both_lists('members.allemailcampaignids', list_of(['members.primaryemailcampaignid']))
        ) }} as sending_ids,
        {{ clean_text('members.testing.testid') }} as test_id,

        -- text
        {{ clean_text('members.name') }} as email_name,
        lower({{ clean_text('members.state') }}) as email_state,
        lower({{ clean_text('members.type') }}) as email_type,
        lower({{ clean_text('members.testing.abstatus') }}) as test_role,

        -- booleans
        coalesce({{ boolean('members.istransactional') }}, false)
        or coalesce({{ clean_text('members.type') }} in ('SINGLE_SEND_API', 'SMTP_TOKEN'), false)
            as is_transactional,
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp('members.publishdate') }} as published_at,

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
        marketing_email_id,
        sending_ids,
        test_id,
        email_name,
        email_state,
        email_type,
        test_role,
        is_transactional,
        is_archived,
        created_at,
        updated_at,
        published_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        marketing_email_id as record_key,
        coalesce(created_at < {{ cutoff() }}, true) as is_seen,
        case
            when marketing_email_id is null then 'id is missing'
            when members is null then 'attributes is not a JSON object'
            when {{ is_no_time('members.publishdate', 'published_at') }}
                then 'publishDate is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ version_rank(['marketing_email_id'], prefer='is_archived') }} as version_rank
from checked
