{{ config(materialized='table') }}

-- Whose words they are. A refusal holds for everybody who ever had the address, whoever identity says
-- they are.
with

words as (

    select
        source as said_in,
        source,
        source_record_id,
        channel,
        topic,
        action,
        basis,
        load_date,
        evidence,
        occurred_at
    from {{ ref('int_consent__words') }}
    union all
    select
        refusals.source as said_in,
        addresses.source,
        addresses.source_record_id,
        refusals.channel,
        refusals.topic,
        'withdraw' as action,
        refusals.basis,
        refusals.load_date,
        'explicit' as evidence,
        refusals.occurred_at
    from {{ ref('int_consent__refusals') }} as refusals
    inner join {{ ref('int_identity__addresses') }} as addresses
        on
            refusals.kind = addresses.kind
            and refusals.address_key = addresses.address_key

),

-- One word is one event, however many records carry it, versions repeat it or loads bring it again.
distinct_statements as (

    select
        contact_map.customer_id,
        min(words.said_in) as source,
        min(words.source || ':' || words.source_record_id) as record,
        words.channel,
        words.topic,
        words.action,
        words.basis,
        min(words.evidence) as evidence,
        words.occurred_at,
        min(words.load_date) as first_load_date
    from words
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            words.source = contact_map.source
            and words.source_record_id = contact_map.source_record_id
    where words.occurred_at < {{ cutoff() }}
    group by
        contact_map.customer_id,
        words.channel,
        words.topic,
        words.action,
        words.basis,
        words.occurred_at

),

-- Consent that was not given again within its lifetime has run out.
expiries as (

    select
        *,
        occurred_at + interval {{ var('consent_lifetime_days') }} day as expired_at
    from distinct_statements
    where action = 'grant' and not (channel = '*' and topic = '*')
    window
        grants as (
            partition by customer_id, channel, topic
            order by occurred_at nulls last, basis nulls last
        )
    qualify
        lead(occurred_at) over grants is null
        or lead(occurred_at) over grants > occurred_at + interval {{ var('consent_lifetime_days') }} day

),

statements as (

    select * from distinct_statements
    union all
    select
        customer_id,
        source,
        record,
        channel,
        topic,
        'expire' as action,
        basis,
        'derived' as evidence,
        expired_at as occurred_at,
        first_load_date
    from expiries
    where expired_at < {{ cutoff() }}

)

select
    {{ surrogate_id(
        "concat_ws('|', record, channel, topic, action, basis, "
        ~ "cast(occurred_at as string))"
    ) }} as consent_event_id,
    customer_id,
    channel,
    topic,
    case
        when topic <> '*' then 'topic'
        when channel <> '*' then 'channel'
        else 'everything'
    end as level,
    action,
    basis,
    source,
    evidence,
    occurred_at,
    first_load_date
from statements
