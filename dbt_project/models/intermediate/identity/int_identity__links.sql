{{ config(materialized='table', alias='identity_links') }}

{# A crowd has too many pairs; of one, each record with the first only. #}
{% set most_records = [
    var('identity_most_records_per_number'),
    var('identity_most_records_per_email'),
    var('identity_most_records_per_phone'),
] %}

with

holdings as (

    select
        *,
        {{ rule_strength('rule') }} as strength
    from {{ ref('int_identity__holdings') }}
    where rule <> 'apart'

),

customers as (

    select
        states.record_number,
        states.anchor_number,
        contacts.source,
        contacts.source_record_id
    from {{ ref('int_identity__components') }} as states
    inner join {{ ref('int_identity__contacts') }} as contacts
        on states.record_number = contacts.record_number
    qualify row_number() over (
        partition by states.record_number
        order by states.valid_from desc nulls last
    ) = 1

),

value_sizes as (

    select
        value_number,
        min(record_number) as first_record_number,
        count(distinct record_number) as record_count
    from holdings
    group by value_number
    having count(distinct record_number) > 1

),

shared as (

    select
        holdings.*,
        value_sizes.first_record_number,
        value_sizes.record_count
    from holdings
    inner join value_sizes on holdings.value_number = value_sizes.value_number

),

-- All pairs of a value that few share; of a crowd each with the first only, for the record.
pairs as (

    select
        one.record_number as record_number_a,
        other.record_number as record_number_b,
        case when one.strength > other.strength then one.rule else other.rule end as rule,
        one.value_number,
        -- void as soon as one of the two holds it so
        max(coalesce(one.void_reason, other.void_reason)) as void_reason,
        min(greatest(one.valid_from, other.valid_from)) as valid_from,
        case
            when bool_and(one.valid_to is not null or other.valid_to is not null)
                then max(least(one.valid_to, other.valid_to))
        end as valid_to
    from shared as one
    inner join shared as other
        on
            one.value_number = other.value_number
            and one.record_number < other.record_number
            and one.valid_from < coalesce(other.valid_to, date '9999-12-31')
            and other.valid_from < coalesce(one.valid_to, date '9999-12-31')
    where
        one.record_count <= {{ most_records | max }}
        or one.record_number = one.first_record_number
    group by
        one.record_number,
        other.record_number,
        case when one.strength > other.strength then one.rule else other.rule end,
        one.value_number

),

judged as (

    select
        pairs.*,
        one.source as source_a,
        one.source_record_id as record_id_a,
        one.anchor_number as anchor_number_a,
        other.source as source_b,
        other.source_record_id as record_id_b,
        other.anchor_number as anchor_number_b,
        case
            when pairs.valid_to is not null then 'ended'
            when pairs.void_reason is not null then pairs.void_reason
            when one.anchor_number <> other.anchor_number then 'conflict'
        end as reason
    from pairs
    inner join customers as one on pairs.record_number_a = one.record_number
    inner join customers as other on pairs.record_number_b = other.record_number

)

select
    rule,
    source_a,
    record_id_a,
    source_b,
    record_id_b,
    valid_from,
    valid_to,
    reason is null as is_used,
    reason,
    value_number,
    record_number_a,
    record_number_b,
    anchor_number_a,
    anchor_number_b
from judged
