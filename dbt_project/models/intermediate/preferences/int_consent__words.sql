{{ config(materialized='table') }}

-- Which addresses each word is of, and whose record says it. A word that does not say its address
-- is, if it is a no, of all that the record ever had, and if it is a yes, of the one that it has. A
-- word of an address alone is, if it is a yes, of the records of its source that have the address,
-- and if it is a no, of all that ever had it; where none has, it is for whoever holds it elsewhere.
with

keyed as (

    select
        *,
        {{ each_of('addresses', 'address', email_key('address')) }} as address_keys
    from {{ ref('canonical_consents') }}

),

said as (

    select
        *,
        {{ those_of('address_keys', 'address', 'address is not null') }} as email_keys
    from keyed

),

carried as (

    select
        source,
        source_record_id,
        {{ collected('address_key', order_by='address_key') }} as email_keys
    from {{ ref('int_identity__addresses') }}
    where kind = 'email'
    group by source, source_record_id

),

of_records as (

    select
        said.source,
        said.contact_id as source_record_id,
        case
            when said.addresses is not null then said.email_keys
            when said.action = 'withdraw'
                then coalesce(carried.email_keys, {{ empty_list('string') }})
            when latest.email_key is null then {{ empty_list('string') }}
            else {{ list_of(['latest.email_key']) }}
        end as email_keys,
        said.channel,
        said.topic,
        said.action,
        said.basis,
        said.load_date,
        said.evidence,
        said.occurred_at
    from said
    left join carried
        on
            said.source = carried.source
            and said.contact_id = carried.source_record_id
            and said.addresses is null
    left join {{ ref('int_identity__versions') }} as latest
        on
            said.source = latest.source
            and said.contact_id = latest.source_record_id
            and latest.valid_to is null
            and said.addresses is null
    where said.contact_id is not null

),

addressed as (

    select
        source,
        {{ unnested('email_keys') }} as email_key,
        channel,
        topic,
        action,
        basis,
        load_date,
        evidence,
        occurred_at
    from said
    where contact_id is null

),

holders as (

    select
        source,
        'grant' as action,
        contact_id as source_record_id,
        {{ email_key('email') }} as email_key
    from {{ ref('canonical_contacts') }}
    where email is not null and is_current
    union all
    select
        source,
        'withdraw' as action,
        source_record_id,
        address_key as email_key
    from {{ ref('int_identity__addresses') }}
    where kind = 'email'

)

select * from of_records
union all
select
    addressed.source,
    holders.source_record_id,
    {{ list_of(['addressed.email_key']) }} as email_keys,
    addressed.channel,
    addressed.topic,
    addressed.action,
    addressed.basis,
    addressed.load_date,
    addressed.evidence,
    addressed.occurred_at
from addressed
left join holders
    on
        addressed.source = holders.source
        and addressed.action = holders.action
        and addressed.email_key = holders.email_key
