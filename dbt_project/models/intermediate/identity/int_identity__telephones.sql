{{ config(materialized='table') }}

select
    stated.source,
    stated.source_record_id,
    stated.valid_from,
    stated.valid_to,
    stated.place,
    phones.phone_e164,
    phones.phone_key,
    phones.perhaps_phone_key
from (
    select
        source,
        source_record_id,
        valid_from,
        valid_to,
        phone_region,
        {{ item_at('phones', 'place') }} as phone,
        place
    from (
        select
            source,
            source_record_id,
            valid_from,
            valid_to,
            phone_region,
            phones,
            {{ series_of_numbers(1, size_of('phones')) }} as place
        from {{ ref('int_identity__versions') }}
    ) as counted
) as stated
inner join {{ ref('int_identity__phones') }} as phones
    on
        stated.phone = phones.phone
        and stated.phone_region = phones.phone_region
where phones.phone_key is not null
