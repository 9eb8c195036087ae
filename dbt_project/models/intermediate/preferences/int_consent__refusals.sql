{{ config(materialized='table') }}

-- What was said against an address or a number, whoever said it, and not taken back by it since.
with

words as (

    select * from {{ ref('int_consent__words') }}

),

numbers_held as (

    select
        source,
        source_record_id,
        phone_key,
        count(*) over (partition by source, source_record_id) as number_count
    from (
        select distinct
            source,
            source_record_id,
            phone_key
        from {{ ref('int_identity__telephones') }}
        where valid_to is null
    ) as telephones

),

of_addresses as (

    select
        'email' as kind,
        {{ unnested('email_keys') }} as address_key,
        source,
        channel,
        topic,
        action,
        basis,
        load_date,
        evidence,
        occurred_at
    from words
    union all
    select
        'phone' as kind,
        numbers.address_key,
        words.source,
        words.channel,
        words.topic,
        words.action,
        words.basis,
        words.load_date,
        words.evidence,
        words.occurred_at
    from words
    inner join {{ ref('int_identity__addresses') }} as numbers
        on
            words.source = numbers.source
            and words.source_record_id = numbers.source_record_id
            and numbers.kind = 'phone'
    left join numbers_held
        on
            words.source = numbers_held.source
            and words.source_record_id = numbers_held.source_record_id
            and numbers.address_key = numbers_held.phone_key
    where
        words.channel in ('sms', 'whatsapp', 'phone', '*')
        -- a word does not say of which number it is: a refusal is of all they ever had, a consent
        -- of the only one that they have
        and (words.action = 'withdraw' or numbers_held.number_count = 1)

),

taken_back as (

    select
        kind,
        address_key,
        channel,
        topic,
        max(occurred_at) as taken_back_at
    from of_addresses
    where action = 'grant' and evidence = 'explicit'
    group by kind, address_key, channel, topic

)

select
    refusals.kind,
    refusals.address_key,
    refusals.channel,
    refusals.topic,
    refusals.basis,
    refusals.occurred_at,
    min(refusals.source) as source,
    min(refusals.load_date) as load_date
from of_addresses as refusals
left join taken_back
    on
        refusals.kind = taken_back.kind
        and refusals.address_key = taken_back.address_key
        and refusals.channel = taken_back.channel
        and refusals.topic = taken_back.topic
where
    refusals.action = 'withdraw'
    and coalesce(taken_back.taken_back_at <= refusals.occurred_at, true)
group by
    refusals.kind,
    refusals.address_key,
    refusals.channel,
    refusals.topic,
    refusals.basis,
    refusals.occurred_at
