select
    voice_date,
    cast(source as string) as source,
    cast(platform as string) as platform,
    cast(what as string) as what,
    cast(topic as string) as topic,
    count(*) as mention_count,
    count(sentiment_score) as scored_count,
    count(*) filter (where is_negative) as negative_count,
    cast(
        round(
            {{ ratio('count(*) filter (where is_negative)', 'count(sentiment_score)') }} * 1e6
        ) / 1e6 as double
    ) as negative_share,
    cast(
        round({{ exact_sum('sentiment_score') }} / count(sentiment_score) * 1e6) / 1e6 as double
    ) as mean_sentiment,
    count(reach_count) as reach_known_count,
    cast(sum(reach_count) as bigint) as reach_count
from {{ ref('int_voice__mentions') }}
group by voice_date, source, platform, what, topic
