{{ config(materialized='table', alias='identity_reviews') }}

-- What only a person can decide: by a line in identity_overrides.
select
    rule,
    source_a,
    record_id_a,
    source_b,
    record_id_b,
    min(reason) as reason,
    cast(null as double) as score,
    min(valid_from) as since_date
from {{ ref('int_identity__links') }}
where reason in ('conflict', 'shared by too many')
group by
    rule,
    source_a,
    record_id_a,
    source_b,
    record_id_b
union all
select
    'fuzzy' as rule,
    pairs.source_a,
    pairs.record_id_a,
    pairs.source_b,
    pairs.record_id_b,
    'perhaps the same person' as reason,
    pairs.score,
    pairs.valid_from as since_date
from {{ ref('int_identity__fuzzy_pairs') }} as pairs
inner join {{ ref('int_identity__contact_map') }} as one
    on pairs.source_a = one.source and pairs.record_id_a = one.source_record_id
inner join {{ ref('int_identity__contact_map') }} as other
    on pairs.source_b = other.source and pairs.record_id_b = other.source_record_id
where not pairs.is_tied and one.customer_id <> other.customer_id
union all
-- A number of old that is valid as somebody else's today, and the one that it would have become.
select
    'former_phone' as rule,
    old.source as source_a,
    old.source_record_id as record_id_a,
    new.source as source_b,
    new.source_record_id as record_id_b,
    'perhaps a number of old' as reason,
    cast(null as double) as score,
    max(greatest(old.valid_from, new.valid_from)) as since_date
from (
    select
        telephones.source,
        telephones.source_record_id,
        telephones.valid_from,
        telephones.perhaps_phone_key || ' ' || versions.tying_name as value
    from {{ ref('int_identity__telephones') }} as telephones
    inner join {{ ref('int_identity__versions') }} as versions
        on
            telephones.source = versions.source
            and telephones.source_record_id = versions.source_record_id
            and telephones.valid_from = versions.valid_from
    where telephones.valid_to is null and telephones.perhaps_phone_key is not null
) as old
inner join {{ ref('int_identity__holdings') }} as new
    on
        old.value = new.value
        and new.rule = 'phone'
        and new.valid_to is null
inner join {{ ref('int_identity__contact_map') }} as old_customers
    on
        old.source = old_customers.source
        and old.source_record_id = old_customers.source_record_id
inner join {{ ref('int_identity__contact_map') }} as new_customers
    on
        new.source = new_customers.source
        and new.source_record_id = new_customers.source_record_id
where old_customers.customer_id <> new_customers.customer_id
group by
    old.source,
    old.source_record_id,
    new.source,
    new.source_record_id
