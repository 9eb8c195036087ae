with

versions as (

    select * from {{ ref('base_hubspot__marketing_emails') }}

)

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
    published_at
from versions
where {{ is_staged() }}
