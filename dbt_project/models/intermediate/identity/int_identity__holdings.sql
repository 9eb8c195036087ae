{{ config(materialized='table') }}

with

contacts as (

    select * from {{ ref('int_identity__contacts') }}

),

versions as (

    select
        versions.*,
        phones.phone_e164
    from {{ ref('int_identity__versions') }} as versions
    left join {{ ref('int_identity__phones') }} as phones
        on
            versions.phone = phones.phone
            and versions.phone_region = phones.phone_region

),

said as (

    select
        source,
        source_record_id,
        updated_at,
        valid_from,
        rule,
        case rule
            when 'external_id' then external_id
            when 'email' then email_key
            -- A family shares a number, so the number alone says nothing.
            else phone_e164 || ' ' || name_key
        end as value
    from versions
    cross join unnest(['external_id', 'email', 'phone']) as rules (rule)

),

changed as (

    select *
    from said
    qualify value is distinct from lag(value) over (
        partition by source, source_record_id, rule
        order by valid_from
    )

),

-- An id that only an order names is a customer number too.
periods as (

    select
        source,
        source_record_id,
        rule,
        value,
        valid_from,
        lead(valid_from) over (
            partition by source, source_record_id, rule
            order by valid_from
        ) as valid_to,
        date_diff('day', updated_at, lead(updated_at) over (
            partition by source, source_record_id, rule
            order by valid_from
        )) as held_days
    from changed
    union all
    select
        source,
        source_record_id,
        'external_id' as rule,
        external_id as value,
        first_load_date as valid_from,
        null as valid_to,
        null as held_days
    from contacts
    where not is_record and external_id is not null

),

-- An address given up still leads to the person who had it, until she takes it up again. One that
-- was soon replaced was a typing error.
former_emails as (

    select
        former.source,
        former.source_record_id,
        'former_email' as rule,
        former.value,
        former.valid_to as valid_from,
        min(again.valid_from) as valid_to
    from periods as former
    left join periods as again
        on
            former.source = again.source
            and former.source_record_id = again.source_record_id
            and former.rule = again.rule
            and former.value = again.value
            and former.valid_to <= again.valid_from
    where
        former.rule = 'email'
        and former.value is not null
        and former.held_days >= {{ var('identity_former_email_least_days') }}
    group by
        former.source,
        former.source_record_id,
        former.value,
        former.valid_to

),

-- As long as a version lists the id, the merge is in force.
merge_lists as (

    select
        source,
        source_record_id as survivor_id,
        trim(merged.record_id) as merged_id,
        valid_from,
        valid_to
    from versions
    cross join unnest(merged_record_ids) as merged (record_id)
    where merged_record_ids is not null

),

-- A record that vanished into another is part of it until it lands again.
successors as (

    select
        removals.source,
        removals.successor_id as survivor_id,
        removals.record_id as merged_id,
        removals.noticed_date as valid_from,
        min(again.valid_from) as valid_to
    from {{ ref('base_sources__removals') }} as removals
    left join versions as again
        on
            removals.source = again.source
            and removals.record_id = again.source_record_id
            and removals.noticed_date < again.valid_from
    where
        removals.quarantine_reason is null
        and removals.successor_id is not null
        and removals.object_type = {{ person_stream('removals.source') }}
    group by
        removals.source,
        removals.successor_id,
        removals.record_id,
        removals.noticed_date

),

-- Two records that something ties directly hold the tie itself.
ties as (

    select
        'crm_merge' as rule,
        source as source_a,
        survivor_id as record_id_a,
        source as source_b,
        merged_id as record_id_b,
        valid_from,
        valid_to
    from (
        select * from merge_lists
        union all
        select * from successors
    ) as merges_in_force
    union all
    select
        case verdict when 'together' then 'override' else 'apart' end as rule,
        source_a,
        record_id_a,
        source_b,
        record_id_b,
        decided_on as valid_from,
        null as valid_to
    from {{ ref('identity_overrides') }}
    union all
    select
        'fuzzy' as rule,
        source_a,
        record_id_a,
        source_b,
        record_id_b,
        valid_from,
        null as valid_to
    from {{ ref('int_identity__fuzzy_pairs') }}
    where is_tied

),

held as (

    select
        source,
        source_record_id,
        rule,
        value,
        valid_from,
        valid_to
    from periods
    where value is not null
    union all
    select
        source,
        source_record_id,
        rule,
        value,
        valid_from,
        valid_to
    from former_emails
    union all
    {% for side in ['a', 'b'] %}
    {% if not loop.first %}
    union all
    {% endif %}
    select
        source_{{ side }} as source,
        record_id_{{ side }} as source_record_id,
        rule,
        concat_ws(' ', source_a, record_id_a, source_b, record_id_b) as value,
        valid_from,
        valid_to
    from ties
    {% endfor %}

),

-- An address rule and its former twin speak of the same values.
coded as (

    select
        kind,
        value,
        case when kind = 'email' then lower(regexp_extract(value, '^[^+@]*')) end as local_part,
        case when kind = 'phone' then split_part(value, ' ', 1) end as phone_e164,
        row_number() over () as value_number
    from (
        select distinct
            {{ value_kind('rule') }} as kind,
            value
        from held
    ) as distinct_values

),

-- A telephone ties by number and name, but it is the number that too many may share.
crowds as (

    select
        phone_e164,
        min(value_number) as crowd_number
    from coded
    where phone_e164 is not null
    group by phone_e164

)

select
    contacts.record_number,
    held.source,
    held.source_record_id,
    held.rule,
    coded.value_number,
    coalesce(crowds.crowd_number, coded.value_number) as crowd_number,
    held.value,
    held.valid_from,
    held.valid_to,
    roles.local_part is not null as is_of_a_role
from held
inner join contacts
    on
        held.source = contacts.source
        and held.source_record_id = contacts.source_record_id
inner join coded
    on
        {{ value_kind('held.rule') }} = coded.kind
        and held.value = coded.value
left join crowds on coded.phone_e164 = crowds.phone_e164
left join {{ ref('role_addresses') }} as roles on coded.local_part = roles.local_part
