{{ config(materialized='table') }}

-- Who leaves, or complains, without saying because of which message did so after the last one. It
-- is put down here once, so that whatever counts by campaign or flow counts the same.
with

touchpoints as (

    select * from {{ ref('int_touchpoints__told') }}
    where is_marketing_contact or event_type in ('unsubscribed', 'complained')
    union all
    select * from {{ ref('int_touchpoints__mailed_addresses') }}
    where is_marketing_contact or event_type in ('unsubscribed', 'complained')

),

reactions as (

    select
        touchpoint_id,
        customer_id,
        source,
        channel,
        occurred_at
    from touchpoints
    where
        event_type in ('unsubscribed', 'complained')
        and campaign_id is null
        and flow_id is null
        and message_id is null

)

select
    reactions.touchpoint_id,
    contacts.campaign_id,
    contacts.flow_id,
    contacts.message_id,
    contacts.variation_id
from reactions
inner join touchpoints as contacts
    on
        reactions.customer_id = contacts.customer_id
        and reactions.source = contacts.source
        and reactions.channel = contacts.channel
        and reactions.occurred_at >= contacts.occurred_at
        and reactions.occurred_at
        < contacts.occurred_at + interval {{ var('unnamed_reaction_days') }} day
where contacts.is_marketing_contact
qualify
    row_number() over (
        partition by reactions.touchpoint_id
        order by contacts.occurred_at desc nulls last, contacts.touchpoint_id desc nulls last
    ) = 1
