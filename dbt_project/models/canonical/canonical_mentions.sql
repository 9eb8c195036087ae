select
    source,
    mention_id,
    contact_id,
    lower(platform) as platform,
    {{ topics_of('topics') }} as topics,
    product_id,
    sentiment_score,
    reach_count,
    occurred_at,
    updated_at
from {{ ref('base_mapped__mentions') }}
where {{ is_staged() }} and not is_removed
