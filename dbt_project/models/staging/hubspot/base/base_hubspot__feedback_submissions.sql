with

landed as (

    {{ landed('hubspot', 'feedback_submissions') }}

),

opened as (

    select
        *,
        {{ json_members('properties', [
            'hs_survey_id', 'hs_survey_name', 'hs_survey_type', 'hs_survey_channel', 'hs_value',
            'hs_submission_timestamp', 'hs_response_group',
        ]) }} as members
    from landed

),

typed as (

    select
        -- ids
        {{ clean_text('id') }} as feedback_submission_id,
        {{ clean_text('members.hs_survey_id') }} as survey_id,

        -- text
        {{ clean_text('members.hs_survey_name') }} as survey_name,
        upper({{ clean_text('members.hs_survey_type') }}) as survey_type,
        lower({{ clean_text('members.hs_survey_channel') }}) as survey_channel,
        upper({{ clean_text('members.hs_response_group') }}) as response_group,

        -- numbers
        {{ number(clean_text('members.hs_value')) }} as score,

        -- booleans
        coalesce({{ boolean('archived') }}, false) as is_archived,

        -- timestamps
        {{ utc_timestamp('created_at') }} as created_at,
        {{ utc_timestamp('updated_at') }} as updated_at,
        {{ utc_timestamp(
            "coalesce(" ~ clean_text('members.hs_submission_timestamp') ~ ", created_at)"
        ) }} as submitted_at,

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
        feedback_submission_id,
        survey_id,
        survey_name,
        survey_type,
        survey_channel,
        response_group,
        score,
        is_archived,
        created_at,
        updated_at,
        submitted_at,
        load_id,
        load_date,
        is_new_load,
        row_hash,
        feedback_submission_id as record_key,
        created_at < {{ cutoff() }} as is_seen,
        case
            {{ crm_object_faults('feedback_submission_id') }}
            when members.hs_value <> '' and score is null then 'hs_value is not a number'
            when {{ is_no_time('members.hs_submission_timestamp', 'submitted_at') }}
                then 'hs_submission_timestamp is not a time'
        end as quarantine_reason,
        quarantine_reason is not null as is_quarantined,
        case when is_quarantined then {{ json_of('raw') }} end as payload

    from typed

)

select
    *,
    {{ first_and_last_load_date(['feedback_submission_id']) }},
    {{
        version_rank(['feedback_submission_id'], changed_at='updated_at', prefer='is_archived')
    }} as version_rank
from checked
