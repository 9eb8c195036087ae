{{ config(materialized='table') }}

with

contacts as (

    select * from {{ ref('int_identity__contacts') }}

),

-- An address that two shop customers share proves nothing about a third record.
customer_of_email as (

    select
        email,
        min(external_id) as external_id
    from contacts
    where email is not null and external_id is not null
    group by email
    having count(distinct external_id) = 1

),

-- Records without a customer number that share an address are one customer, named after the oldest.
oldest_of_email as (

    select
        email,
        source || ':' || source_record_id as record
    from contacts
    where email is not null and external_id is null
    qualify row_number() over (
        partition by email
        order by created_at, source, source_record_id
    ) = 1

),

anchored as (

    select
        contacts.source,
        contacts.source_record_id,
        case
            when contacts.external_id is not null then 'external_id'
            when customer_of_email.email is not null then 'email'
            when contacts.email is not null then 'email_without_number'
            else 'none'
        end as matched_by,
        coalesce(
            'shop:' || coalesce(contacts.external_id, customer_of_email.external_id),
            oldest_of_email.record,
            contacts.source || ':' || contacts.source_record_id
        ) as anchor
    from contacts
    left join customer_of_email on contacts.email = customer_of_email.email
    left join oldest_of_email on contacts.email = oldest_of_email.email

)

select
    source,
    source_record_id,
    {{ surrogate_id('anchor') }} as customer_id,
    matched_by
from anchored
