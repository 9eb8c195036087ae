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
            as granted_by_her_at,
        max(occurred_at) filter (where action = 'expire') as expired_at
    from {{ ref('int_consent__events') }}
    group by customer_id, channel, topic, level

),

-- Once she has said no, only her own later yes counts; at the same instant the no does.
weighed as (

    select
        *,
        case when withdrawn_at is null then granted_at else granted_by_her_at end as holding_at
    from said

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
