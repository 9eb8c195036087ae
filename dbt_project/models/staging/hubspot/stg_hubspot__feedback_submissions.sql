with

removals as (

    select * from {{ ref('stg_sources__removals') }}
    where source = 'hubspot' and object_type = 'feedback_submissions'

),

versions as (

    select
        base.*,
        removals.successor_id,
        {{ is_removed('base', 'removals') }} as is_removed
    from {{ ref('base_hubspot__feedback_submissions') }} as base
    left join removals
        on base.feedback_submission_id = removals.record_id
    where {{ is_staged() }}

)

select
    feedback_submission_id,
    survey_id,
    survey_name,
    survey_type,
    survey_channel,
    response_group,
    score,
    is_archived,
    is_removed,
    submitted_at,
    created_at,
    updated_at
from versions
