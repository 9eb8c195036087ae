-- Once for all that was said, and once for each topic. Of an unscored word nobody knows whether it
-- is against the firm.
with

mentions as (

    select
        mentions.source,
        mentions.platform,
        mentions.topics,
        mentions.sentiment_score,
        mentions.reach_count,
        {{ reporting_date('mentions.occurred_at') }} as voice_date
    from {{ ref('canonical_mentions') }} as mentions
    {{ join_reporting_days('mentions.occurred_at') }}

)

select
    source,
    voice_date,
    platform,
    'all' as what,
    cast(null as string) as topic,
    sentiment_score,
    reach_count,
    sentiment_score <= {{ var('voice_negative_most') }}e0 as is_negative
from mentions
union all
select
    source,
    voice_date,
    platform,
    'topic' as what,
    topic,
    sentiment_score,
    reach_count,
    sentiment_score <= {{ var('voice_negative_most') }}e0 as is_negative
from (
    select
        source,
        voice_date,
        platform,
        {{ unnested('topics') }} as topic,
        sentiment_score,
        reach_count
    from mentions
) as topics
