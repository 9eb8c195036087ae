{{ mapped(
    'mentions',
    faults=[
        ('sentiment_score not between -1 and 1', 'sentiment_score is not from -1 to 1'),
        ('reach_count < 0', 'reach_count is below 0'),
    ],
) }}
