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
