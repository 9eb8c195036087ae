with

-- Of the two e-mails of a test the one that it began with.
sent_by_crm as (

    select distinct campaign_id from {{ ref('map_hubspot__sendings') }}

)

select
    'klaviyo' as source,
    campaign_id,
    campaign_name,
    channel,
    campaign_status,
    tags,
    is_archived,
    sent_at,
    updated_at
from {{ ref('stg_klaviyo__campaigns') }}
union all
select
    'hubspot' as source,
    sent_by_crm.campaign_id,
    emails.email_name as campaign_name,
    'email' as channel,
    emails.email_state as campaign_status,
    {{ empty_list('string') }} as tags,
    emails.is_archived,
    emails.published_at as sent_at,
    emails.updated_at
from {{ ref('stg_hubspot__marketing_emails') }} as emails
inner join sent_by_crm
    on 'hubspot:' || emails.marketing_email_id = sent_by_crm.campaign_id
union all
select
    source,
    campaign_id,
    campaign_name,
    channel,
    campaign_status,
    tags,
    is_archived,
    sent_at,
    updated_at
from {{ ref('base_mapped__campaigns') }}
where {{ is_staged() }}
