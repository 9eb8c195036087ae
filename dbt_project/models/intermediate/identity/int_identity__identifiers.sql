{{ config(materialized='table') }}

-- Digests too: a bare hash of an address names its owner to whoever has the address.
with

customers as (

    select distinct
        'customer_id' as holder_kind,
        contact_map.customer_id as holder_id,
        contacts.email,
        contacts.additional_emails,
        contacts.phones,
        contacts.first_name,
        contacts.last_name
    from {{ ref('canonical_contacts') }} as contacts
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            contacts.source = contact_map.source
            and contacts.contact_id = contact_map.source_record_id

),

named as (

    select
        holder_kind,
        holder_id,
        trim(first_name) as first_name,
        trim(last_name) as last_name
    from customers
    union
    select
        'owner_id' as holder_kind,
        owner_id as holder_id,
        trim(first_name) as first_name,
        trim(last_name) as last_name
    from {{ ref('stg_hubspot__owners') }}

),

addresses as (

    select
        holder_kind,
        holder_id,
        email as address
    from customers
    union
    select
        holder_kind,
        holder_id,
        unnest(additional_emails) as address
    from customers
    union
    select
        'owner_id' as holder_kind,
        owner_id as holder_id,
        email as address
    from {{ ref('stg_hubspot__owners') }}

),

numbers as (

    select
        holder_kind,
        holder_id,
        unnest(phones) as number
    from customers
    union
    select
        'customer_id' as holder_kind,
        contact_map.customer_id as holder_id,
        telephones.phone_e164 as number
    from {{ ref('int_identity__telephones') }} as telephones
    inner join {{ ref('int_identity__contact_map') }} as contact_map
        on
            telephones.source = contact_map.source
            and telephones.source_record_id = contact_map.source_record_id

),

told as (

    select
        holder_kind,
        holder_id,
        'address' as kind,
        address as identifier
    from addresses
    union all
    select
        holder_kind,
        holder_id,
        'number' as kind,
        number as identifier
    from numbers
    union all
    select
        holder_kind,
        holder_id,
        'name' as kind,
        unnest([first_name || ' ' || last_name, last_name || ' ' || first_name]) as identifier
    from named
    union all
    select
        holder_kind,
        holder_id,
        'part of a name' as kind,
        unnest([first_name, last_name]) as identifier
    from named
    union all
    select
        'company_id' as holder_kind,
        company_id as holder_id,
        'name' as kind,
        company_name as identifier
    from {{ ref('stg_hubspot__companies') }}
    union all
    select
        holder_kind,
        holder_id,
        'digest' as kind,
        unnest([md5(plain), sha1(plain), sha256(plain)]) as identifier
    from (
        select
            holder_kind,
            holder_id,
            lower(trim(address)) as plain
        from addresses
        union
        select
            holder_kind,
            holder_id,
            number as plain
        from numbers
    ) as plainly

),

folded as (

    select distinct
        holder_kind,
        holder_id,
        kind,
        {{ compared_text('trim(identifier)') }} as identifier
    from told
    where length(trim(identifier)) >= 2

),

-- Sara Lee is a brand: in whose catalogue a name stands, it names nobody.
catalogue as (

    select distinct {{ spaced_words(compared_text('words')) }} as words
    from (
        {% for column in ['brand', 'product_category', 'product_type', 'department'] %}
        select {{ column }} as words
        from {{ ref('canonical_products') }}
        union
        {% endfor %}
        select campaign_name as words
        from {{ ref('canonical_campaigns') }}
    ) as named_things

),

catalogue_words as (

    select
        string_split(trim(words), ' ') as words,
        unnest(range(1, 5)) as length
    from catalogue

),

phrases as (

    select distinct phrase
    from (
        select
            unnest(
                list_transform(
                    range(1, len(words) - length + 2),
                    lambda place: array_to_string(words[place:place + length - 1], ' ')
                )
            ) as phrase
        from catalogue_words
        where len(words) >= length
    ) as said

),

judged as (

    select
        folded.*,
        -- Whether a text that says it anywhere says who it is: an order can have the digits of a
        -- number, and Do, An and Le are words.
        case folded.kind
            when 'address' then folded.identifier like '%_@_%' and length(folded.identifier) >= 6
            when 'number'
                then
                    length(folded.identifier) >= 9
                    and not regexp_full_match(folded.identifier, '[0-9]+')
            when 'name'
                then
                    length(folded.identifier) >= 9
                    and folded.identifier like '%_ _%'
                    and phrases.phrase is null
            else false
        end as is_sure
    from folded
    left join phrases on trim({{ spaced_words('folded.identifier') }}) = phrases.phrase

)

select
    holder_kind,
    holder_id,
    kind,
    identifier,
    is_sure,
    {{ spaced_words('identifier') }} as words,
    -- what a row is searched for; a digest is found by its length
    case
        when is_sure then identifier
        when kind <> 'digest' then chr(31) || identifier || chr(31)
    end as needle
from judged
