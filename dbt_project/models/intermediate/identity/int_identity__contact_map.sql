{{ config(materialized='table') }}

with

contacts as (

    select * from {{ ref('int_identity__contacts') }}

),

states as (

    select
        record_number,
        anchor_number
    from {{ ref('int_identity__components') }}
    qualify row_number() over (partition by record_number order by valid_from desc nulls last) = 1

),

ends as (

    select
        record_number_a as record_number,
        rule
    from {{ ref('int_identity__links') }}
    where is_used
    union all
    select
        record_number_b as record_number,
        rule
    from {{ ref('int_identity__links') }}
    where is_used

),

strongest as (

    select
        record_number,
        min_by(rule, {{ rule_strength('rule') }}) as rule
    from ends
    group by record_number

)

select
    contacts.source,
    contacts.source_record_id,
    {{ customer_id_of('anchors') }} as customer_id,
    coalesce(strongest.rule, 'none') as matched_by
from contacts
inner join states on contacts.record_number = states.record_number
inner join contacts as anchors on states.anchor_number = anchors.record_number
left join strongest on contacts.record_number = strongest.record_number
