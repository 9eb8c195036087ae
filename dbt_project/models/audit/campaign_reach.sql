with

contacts as (

    select
        count(*) as contact_count,
        count(*) filter (where campaigns.campaign_id is null) as orphan_count
    from {{ ref('fct_touchpoints') }} as touchpoints
    left join {{ ref('dim_campaigns') }} as campaigns
        on touchpoints.campaign_id = campaigns.campaign_id
    where touchpoints.is_marketing_contact and touchpoints.campaign_id is not null

),

campaigns as (

    select
        count(*) filter (where sent_at < {{ cutoff() }}) as sent_count,
        count(*) filter (where sent_at < {{ cutoff() }} and audience_count = 0)
            as unreached_count,
        count(*) filter (where offer_until_date < offer_from_date) as reversed_offer_count
    from {{ ref('dim_campaigns') }}

)

select
    cast({{ as_of_date() }} as varchar) as night,
    campaigns.sent_count,
    campaigns.unreached_count,
    campaigns.reversed_offer_count,
    coalesce(contacts.orphan_count / nullif(contacts.contact_count, 0), 0) as orphan_contact_share
from campaigns
cross join contacts
