{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail'
    )
}}

-- Reading a number takes longer than anything else here, so each spelling is read once.
with

spellings as (

    select distinct
        phone,
        phone_region
    from {{ ref('int_identity__versions') }}
    where phone is not null

)

select
    spellings.phone,
    spellings.phone_region,
    e164(spellings.phone, spellings.phone_region) as phone_e164
from spellings
{% if is_incremental() %}
anti join {{ this }} as known
    on
        spellings.phone = known.phone
        and spellings.phone_region = known.phone_region
{% endif %}
