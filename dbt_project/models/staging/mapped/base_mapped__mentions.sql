{{ mapped(
    'mentions',
    key=['mention_id'],
    seen_at='occurred_at',
    defaults={'updated_at': 'typed_occurred_at'},
    faults=[
        ('sentiment_score not between -1 and 1', 'sentiment_score is not from -1 to 1'),
        ('reach_count < 0', 'reach_count is below 0'),
    ],
) }}
