-- The CRM gives every sending of an e-mail an id of its own. The two e-mails of a test are one
-- campaign, known by the one that it began with.
with

emails as (

    select
        *,
        first_value(marketing_email_id) over (
            partition by coalesce('test ' || test_id, 'email ' || marketing_email_id)
            order by (test_role = 'master') desc nulls last, marketing_email_id nulls last
        ) as first_email_id
    from {{ ref('stg_hubspot__marketing_emails') }}

),

sendings as (

    select
        marketing_email_id,
        first_email_id,
        test_id,
        email_name,
        is_transactional,
        {{ unnested('sending_ids') }} as sending_id
    from emails

)

select
    sending_id,
    'hubspot:' || min(first_email_id) as campaign_id,
    'hubspot:' || min(marketing_email_id) as message_id,
    case
        when max(test_id) is not null then 'hubspot:' || min(marketing_email_id)
    end as variation_id,
    min(email_name) as message_name,
    case when bool_and(is_transactional) then 'transactional' else 'marketing' end as message_class
from sendings
group by sending_id
