select
    cast('hubspot' as string) as source,
    answers.feedback_submission_id as submission_id,
    contacts.to_ids as contact_ids,
    answers.survey_type,
    answers.survey_channel,
    answers.response_group,
    answers.score,
    answers.is_archived or answers.is_removed as is_deleted,
    answers.submitted_at,
    answers.updated_at
from {{ ref('stg_hubspot__feedback_submissions') }} as answers
left join {{ ref('stg_hubspot__associations') }} as contacts
    on
        answers.feedback_submission_id = contacts.from_id
        and contacts.from_type = 'feedback_submissions'
        and contacts.to_type = 'contacts'
union all
select
    source,
    submission_id,
    contact_ids,
    survey_type,
    survey_channel,
    response_group,
    score,
    is_deleted or is_removed as is_deleted,
    submitted_at,
    updated_at
from {{ ref('base_mapped__surveys') }}
where {{ is_staged() }}
