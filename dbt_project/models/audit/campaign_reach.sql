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
        -- told for a month: nobody finds out later, and nothing of it will come any more
        count(*) filter (
            where
            sent_at >= {{ cutoff() }} - interval 30 day
            and sent_at < {{ cutoff() }}
            and audience_count = 0
        ) as unreached_count,
        count(*) filter (where offer_until_date < offer_from_date) as reversed_offer_count
    from {{ ref('dim_campaigns') }}

),

-- What several tables count of one campaign.
counted as (

    select
        count(*) filter (
            where performance.delivered_count <> overload.recipient_count
            or performance.delivered_count <> campaigns.audience_count
            or performance.unsubscribed_count <> overload.opt_out_count
            or performance.complained_count <> overload.complaint_count
        ) as disagreeing_count
    from {{ ref('rpt_campaign_performance') }} as performance
    inner join {{ ref('rpt_campaign_overload') }} as overload
        on performance.campaign_id = overload.campaign_id
    inner join {{ ref('dim_campaigns') }} as campaigns
        on performance.campaign_id = campaigns.campaign_id

)

select
    cast({{ as_of_date() }} as string) as night,
    campaigns.sent_count,
    campaigns.unreached_count,
    campaigns.reversed_offer_count,
    counted.disagreeing_count,
    coalesce(contacts.orphan_count / nullif(contacts.contact_count, 0), 0) as orphan_contact_share
from campaigns
cross join contacts
cross join counted
