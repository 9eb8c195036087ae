{{ config(materialized='view') }}

-- Whose records an id stood for on each night, as far as tonight can tell: whoever these are today.
with

states as (

    select
        record_number,
        anchor_number,
        valid_from,
        lead(valid_from) over (
            partition by record_number
            order by valid_from asc nulls last
        ) as valid_to
    from {{ ref('int_identity__components') }}
    union all
    -- its own at all times, whatever a load that came late or was lost makes of the nights
    select
        record_number,
        record_number as anchor_number,
        cast(null as date) as valid_from,
        cast(null as date) as valid_to
    from {{ ref('int_identity__contacts') }}

)

select distinct
    {{ customer_id_of('anchors') }} as former_customer_id,
    contact_map.customer_id,
    states.valid_from,
    states.valid_to
from states
inner join {{ ref('int_identity__contacts') }} as anchors
    on states.anchor_number = anchors.record_number
inner join {{ ref('int_identity__contacts') }} as records
    on states.record_number = records.record_number
inner join {{ ref('int_identity__contact_map') }} as contact_map
    on
        records.source = contact_map.source
        and records.source_record_id = contact_map.source_record_id
