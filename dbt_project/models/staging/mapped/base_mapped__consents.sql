{{ mapped(
    'consents',
    key=['contact_id', 'addresses', 'channel', 'topic', 'occurred_at', 'load_id', 'row_hash'],
    faults=[
        ('contact_id is null and coalesce(len(addresses), 0) = 0', 'neither contact_id nor addresses are there'),
    ],
    optional=['occurred_at'],
    words={'action': ['unasked']},
) }}
