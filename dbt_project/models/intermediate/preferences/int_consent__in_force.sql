{{ config(materialized='table') }}

-- The one place that decides which word holds. Per customer, channel and topic, and per each
-- alone: the word on one topic says nothing about the channel, nor the other way round.
with

said as (

    select
        customer_id,
        channel,
        topic,
        level,
        max(occurred_at) filter (where action = 'withdraw') as withdrawn_at,
        max(occurred_at) filter (where action = 'grant') as granted_at,
        max(occurred_at) filter (where action = 'grant' and evidence = 'explicit')
            as granted_by_themselves_at,
        max(occurred_at) filter (where action = 'expire') as expired_at
    from {{ ref('int_consent__events') }}
    group by customer_id, channel, topic, level

),

-- An address that they have now and that said no itself: a yes by another of their addresses is none
-- for this one.
refused as (

    select
        contact_map.customer_id,
        refusals.channel,
        refusals.topic,
        max(refusals.occurred_at) as refused_at
    from {{ ref('int_consent__refusals') }} as refusals
    inner join (
        select
            source,
            source_record_id,
            'email' as kind,
            {{ unnested(both_lists('additional_email_keys', list_of(['email_key']))) }} as address_key
        from {{ ref('int_identity__versions') }}
        where valid_to is null
        union all
        select
            source,
            source_record_id,
            'phone' as kind,
            phone_key as address_key
        from {{ ref('int_identity__telephones') }}
        where valid_to is null
    ) as carried
        on
            refusals.kind = carried.kind
            and refusals.address_key = carried.address_key
    inner join {{ ref('int_identity__contacts') }} as living
        on
            carried.source = living.source
            and carried.source_record_id = living.source_record_id
            and not living.is_archived
            and not living.is_removed
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            carried.source = contact_map.source
            and carried.source_record_id = contact_map.source_record_id
    where refusals.occurred_at < {{ cutoff() }}
    group by contact_map.customer_id, refusals.channel, refusals.topic

),

-- Once they have said no, only their own later yes counts; at the same instant the no does.
weighed as (

    select
        said.*,
        case
            when refused.refused_at is not null then null
            when said.withdrawn_at is null then said.granted_at
            else said.granted_by_themselves_at
        end as holding_at
    from said
    left join refused
        on
            said.customer_id = refused.customer_id
            and said.channel = refused.channel
            and said.topic = refused.topic

)

select
    customer_id,
    channel,
    topic,
    level,
    case
        when withdrawn_at is not null and coalesce(holding_at <= withdrawn_at, true)
            then 'withdrawn'
        when expired_at > holding_at then 'expired'
        else 'granted'
    end as consent,
    case
        when withdrawn_at is not null and coalesce(holding_at <= withdrawn_at, true)
            then withdrawn_at
        when expired_at > holding_at then expired_at
        else holding_at
    end as since_at
from weighed
