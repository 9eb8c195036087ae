{{ config(materialized='table') }}

with

contacts as (

    select * from {{ ref('int_identity__contacts') }}

),

versions as (

    select
        *,
        lead(updated_at) over (
            partition by source, source_record_id
            order by valid_from asc nulls last
        ) as replaced_at
    from {{ ref('int_identity__versions') }}

),

said as (

    select
        source,
        source_record_id,
        valid_from,
        'external_id' as rule,
        external_id as value
    from versions
    union all
    select
        source,
        source_record_id,
        valid_from,
        'email' as rule,
        email_key as value
    from versions
    union all
    -- a further address of theirs, which they no longer write from
    select
        source,
        source_record_id,
        valid_from,
        'former_email' as rule,
        {{ unnested('additional_email_keys') }} as value
    from versions
    union all
    -- a family shares a number, so a telephone alone says nothing: it counts with the name
    select
        telephones.source,
        telephones.source_record_id,
        telephones.valid_from,
        'phone' as rule,
        telephones.phone_key || ' ' || versions.tying_name as value
    from {{ ref('int_identity__telephones') }} as telephones
    inner join versions
        on
            telephones.source = versions.source
            and telephones.source_record_id = versions.source_record_id
            and telephones.valid_from = versions.valid_from

),

dated as (

    select distinct
        said.source,
        said.source_record_id,
        said.rule,
        said.value,
        said.valid_from,
        versions.valid_to,
        versions.updated_at,
        versions.replaced_at
    from said
    inner join versions
        on
            said.source = versions.source
            and said.source_record_id = versions.source_record_id
            and said.valid_from = versions.valid_from
    where said.value is not null

),

-- Version after version that says the same is one period.
begun as (

    select
        *,
        coalesce(
            valid_from <> lag(valid_to) over (
                partition by source, source_record_id, rule, value
                order by valid_from asc nulls last
            ),
            true
        ) as is_new
    from dated

),

numbered as (

    select
        *,
        count(*) filter (where is_new) over (
            partition by source, source_record_id, rule, value
            order by valid_from asc nulls last
            rows between unbounded preceding and current row
        ) as period_number
    from begun

),

-- An id that only an order names is a customer number too.
periods as (

    select
        source,
        source_record_id,
        rule,
        value,
        min(valid_from) as valid_from,
        case when bool_and(valid_to is not null) then max(valid_to) end as valid_to,
        {{ days_between('cast(min(updated_at) as date)', 'cast(max(replaced_at) as date)') }}
            as held_days
    from numbered
    group by source, source_record_id, rule, value, period_number
    union all
    select
        source,
        source_record_id,
        'external_id' as rule,
        external_id as value,
        first_load_date as valid_from,
        cast(null as date) as valid_to,
        cast(null as bigint) as held_days
    from contacts
    where not is_record and external_id is not null

),

-- An address given up still leads to the person who had it, until they take it up again. One that
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
        and former.valid_to is not null
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
        survivor_id,
        {{ trimmed('record_id') }} as merged_id,
        valid_from,
        valid_to
    from (
        select
            source,
            source_record_id as survivor_id,
            {{ unnested('merged_record_ids') }} as record_id,
            valid_from,
            valid_to
        from versions
    ) as listed

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
        cast(null as date) as valid_to
    from {{ ref('identity_overrides') }}
    union all
    select
        'fuzzy' as rule,
        source_a,
        record_id_a,
        source_b,
        record_id_b,
        valid_from,
        cast(null as date) as valid_to
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
        row_number() over (order by kind asc nulls last, value asc nulls last) as value_number,
        case kind
            when 'external_id' then 'number'
            when 'email' then 'mailbox'
        end as placeholder_kind,
        case kind
            when 'external_id' then {{ bare('value') }}
            when 'email' then {{ bare(mailbox_of('value')) }}
        end as placeholder_value,
        case kind when 'email' then {{ mailbox_of('value') }} end as mailbox,
        case kind when 'phone' then split_part(value, ' ', 1) end as phone_key,
        case kind when 'phone' then {{ bare("substr(value, instr(value, ' '))") }} end as name
    from (
        select distinct
            {{ value_kind('rule') }} as kind,
            value
        from held
    ) as distinct_values

),

judged as (

    select
        coded.kind,
        coded.value,
        coded.value_number,
        coalesce(coded.phone_key, coded.value) as crowd,
        case
            when roles.local_part is not null then 'role address'
            when
                coded.placeholder_value = ''
                or placeholders.value is not null
                or numbers.value is not null
                or names.value is not null
                then 'placeholder'
        end as reason
    from coded
    left join {{ ref('role_addresses') }} as roles on coded.mailbox = roles.local_part
    left join {{ ref('placeholder_values') }} as placeholders
        on
            coded.placeholder_kind = placeholders.kind
            and coded.placeholder_value = placeholders.value
    left join {{ ref('placeholder_values') }} as numbers
        on numbers.kind = 'phone' and right(coded.phone_key, 7) = numbers.value
    left join {{ ref('placeholder_values') }} as names
        on names.kind = 'name' and coded.name = names.value

),

located as (

    select
        contacts.record_number,
        held.source,
        held.source_record_id,
        held.rule,
        held.value,
        held.valid_from,
        held.valid_to,
        judged.kind,
        judged.value_number,
        judged.crowd,
        judged.reason
    from held
    inner join contacts
        on
            held.source = contacts.source
            and held.source_record_id = contacts.source_record_id
    inner join judged
        on
            {{ value_kind('held.rule') }} = judged.kind
            and held.value = judged.value

),

-- Whoever comes to a value when too many have had it is not tied by it; who was there before stays
-- who they are. A telephone ties by number and name, but it is the number that is counted.
places as (

    select
        record_number,
        kind,
        crowd,
        row_number() over (
            partition by kind, crowd
            order by min(valid_from) asc nulls last, record_number asc nulls last
        ) as place
    from located
    where kind in ('external_id', 'email', 'phone')
    group by record_number, kind, crowd

)

select
    located.record_number,
    located.source,
    located.source_record_id,
    located.rule,
    located.value_number,
    located.value,
    located.valid_from,
    located.valid_to,
    coalesce(
        located.reason,
        case
            when
                places.place > case located.kind
                    when 'external_id' then {{ var('identity_most_records_per_number') }}
                    when 'email' then {{ var('identity_most_records_per_email') }}
                    when 'phone' then {{ var('identity_most_records_per_phone') }}
                end
                then 'shared by too many'
        end
    ) as void_reason
from located
left join places
    on
        located.record_number = places.record_number
        and located.kind = places.kind
        and located.crowd = places.crowd
