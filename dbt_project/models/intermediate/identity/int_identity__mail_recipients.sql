{{ config(materialized='table') }}

-- Whose an event of mail is that names an address and nothing else, as the CRM's own does. One that
-- several customers have, or had, is the contact's who has it in the CRM now: the CRM mailed them.
with

owners as (

    select
        addresses.address_key,
        contact_map.customer_id,
        addresses.source = 'hubspot' as is_in_crm,
        coalesce(versions.email_key = addresses.address_key, false) as is_theirs_now
    from {{ ref('int_identity__addresses') }} as addresses
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            addresses.source = contact_map.source
            and addresses.source_record_id = contact_map.source_record_id
    left join {{ ref('int_identity__versions') }} as versions
        on
            addresses.source = versions.source
            and addresses.source_record_id = versions.source_record_id
            and versions.valid_to is null
    where addresses.kind = 'email'

),

owner_of as (

    select
        address_key,
        customer_id
    from owners
    qualify
        row_number() over (
            partition by address_key
            order by
                is_in_crm desc nulls last,
                is_theirs_now desc nulls last,
                customer_id asc nulls last
        ) = 1

)

select
    events.source,
    events.event_id,
    owner_of.customer_id
from {{ ref('canonical_message_events') }} as events
inner join owner_of on {{ email_key('events.address') }} = owner_of.address_key
where events.contact_id is null
