{{ mapped(
    'partner_contacts',
    faults=[('sentiment_score not between -1 and 1', 'sentiment_score is not from -1 to 1')],
) }}
