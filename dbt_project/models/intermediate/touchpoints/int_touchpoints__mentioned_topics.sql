-- What known people speak of in public: of one that names several topics, each.
select
    touchpoint_id,
    named,
    is_against
from (
    select
        source || ':mention:' || mention_id as touchpoint_id,
        unnest(topics) as named,
        coalesce(sentiment_score, 0e0) < 0e0 as is_against
    from {{ ref('canonical_mentions') }}
    where contact_id is not null
) as topics
