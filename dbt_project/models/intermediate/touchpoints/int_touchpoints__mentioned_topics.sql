-- What known people speak of in public: of one that names several topics, each.
select
    source || ':mention:' || mention_id as touchpoint_id,
    {{ unnested('topics') }} as named,
    coalesce(sentiment_score, 0e0) < 0e0 as is_against
from {{ ref('canonical_mentions') }}
where contact_id is not null
