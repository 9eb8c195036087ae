{{ config(materialized='table') }}

with

versions as (

    select * from {{ ref('int_identity__versions') }}

),

first_seen as (

    select
        source,
        source_record_id,
        min(valid_from) as first_load_date,
        min_by(created_at, valid_from) as created_at
    from versions
    group by source, source_record_id

),

-- Of several telephones the first that is one: as entered before as the CRM reads it.
numbers as (

    select
        source,
        source_record_id,
        min_by(phone_e164, place) as phone_e164
    from {{ ref('int_identity__telephones') }}
    where valid_to is null and phone_e164 is not null
    group by source, source_record_id

),

named as (

    select
        people.source,
        people.contact_id as source_record_id,
        people.first_load_date,
        people.first_named_at as created_at
    from {{ ref('map_people__named') }} as people
    -- a number that says there is none is a guest's, and all guests are not one person
    left join {{ ref('placeholder_values') }} as nobodies
        on
            people.source not in ('hubspot', 'klaviyo')
            and nobodies.kind = 'number'
            and {{ bare('people.contact_id') }} = nobodies.value
    where
        nobodies.value is null
        and (people.source in ('hubspot', 'klaviyo') or {{ bare('people.contact_id') }} <> '')

),

known as (

    select
        coalesce(first_seen.source, named.source) as source,
        coalesce(first_seen.source_record_id, named.source_record_id) as source_record_id,
        first_seen.source is not null as is_record,
        least(first_seen.first_load_date, named.first_load_date) as first_load_date,
        coalesce(first_seen.created_at, named.created_at) as created_at,
        -- What a later night learns must not change the order.
        case
            when first_seen.first_load_date <= coalesce(named.first_load_date, date '9999-12-31')
                then first_seen.created_at
        end as created_at_when_first_seen
    from first_seen
    full outer join named
        on
            first_seen.source = named.source
            and first_seen.source_record_id = named.source_record_id

)

select
    -- Place in the order of landing: the first record of a customer gives them their id.
    row_number() over (
        order by
            known.first_load_date asc nulls last,
            known.created_at_when_first_seen asc nulls last,
            known.source asc nulls last,
            known.source_record_id asc nulls last
    ) - 1 as record_number,
    known.source,
    known.source_record_id,
    case
        when known.is_record then latest.external_id
        when known.source = 'shop' then known.source_record_id
    end as external_id,
    -- Of a record that was deleted for good nothing names its person any more.
    {% for identifier in ['email', 'email_key', 'first_name', 'last_name', 'name_key'] %}
    case when not {{ is_erased('latest', 'removals') }} then latest.{{ identifier }} end
        as {{ identifier }},
    {% endfor %}
    case when not {{ is_erased('latest', 'removals') }} then numbers.phone_e164 end as phone_e164,
    {% for identifier in ['birth_date', 'postcode', 'city', 'company_name'] %}
    case when not {{ is_erased('latest', 'removals') }} then latest.{{ identifier }} end
        as {{ identifier }},
    {% endfor %}
    -- As likeness compares them.
    {% for key, value in {
        'given_name_key': name_key('latest.first_name', 'null'),
        'postcode_key': postcode_key('latest.postcode'),
        'city_key': place_key('latest.city'),
        'company_name_key': place_key('latest.company_name'),
    }.items() %}
    case when not {{ is_erased('latest', 'removals') }} then {{ value }} end as {{ key }},
    {% endfor %}
    coalesce(latest.is_archived, false) as is_archived,
    {{ is_removed('latest', 'removals') }} as is_removed,
    known.is_record,
    known.created_at,
    latest.updated_at,
    known.first_load_date
from known
left join versions as latest
    on
        known.source = latest.source
        and known.source_record_id = latest.source_record_id
        and latest.valid_to is null
left join {{ ref('map_people__removals') }} as removals
    on
        known.source = removals.source
        and known.source_record_id = removals.contact_id
left join numbers
    on
        known.source = numbers.source
        and known.source_record_id = numbers.source_record_id
