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
        address as phone,
        {{ phone_region('source', 'country_code') }} as phone_region
    from {{ ref('canonical_addresses') }}
    where kind = 'phone'

),

new_spellings as (

    select
        spellings.phone,
        spellings.phone_region,
        e164(spellings.phone, spellings.phone_region) as possible_e164
    from spellings
    {% if is_incremental() %}
    anti join {{ this }} as known
        on
            spellings.phone = known.phone
            and spellings.phone_region = known.phone_region
    {% endif %}

),

-- A number is typed in many ways and looked up once.
valid_numbers as (

    select
        possible_e164,
        is_valid_number(possible_e164) as is_valid
    from (
        select distinct possible_e164 from new_spellings
        where possible_e164 is not null
    ) as distinct_numbers

),

-- What the number became when its country renumbered; the longest prefix has it.
renumbered as (

    select
        new_spellings.phone,
        new_spellings.phone_region,
        max_by(
            '+' || renumberings.country_code || renumberings.new_prefix || substr(
                new_spellings.possible_e164,
                2 + length(renumberings.country_code) + length(renumberings.old_prefix)
            ),
            length(renumberings.old_prefix)
        ) as new_e164
    from new_spellings
    inner join {{ ref('phone_renumberings') }} as renumberings
        on
            {{ starts_with(
                'new_spellings.possible_e164',
                "'+' || renumberings.country_code || renumberings.old_prefix"
            ) }}
            and length(new_spellings.possible_e164) = 1
            + length(renumberings.country_code)
            + length(renumberings.old_prefix)
            + renumberings.digits_after
    group by new_spellings.phone, new_spellings.phone_region

),

read_numbers as (

    select
        new_spellings.phone,
        new_spellings.phone_region,
        case when valid_numbers.is_valid then new_spellings.possible_e164 end as phone_e164,
        case when is_valid_number(renumbered.new_e164) then renumbered.new_e164 end as new_e164
    from new_spellings
    left join valid_numbers on new_spellings.possible_e164 = valid_numbers.possible_e164
    left join renumbered
        on
            new_spellings.phone = renumbered.phone
            and new_spellings.phone_region = renumbered.phone_region

)

select
    phone,
    phone_region,
    phone_e164,
    coalesce(phone_e164, new_e164) as phone_key,
    -- An old number that is somebody else's today proves nothing; a person may look.
    case when phone_e164 is not null then new_e164 end as perhaps_phone_key
from read_numbers
