{{ mapped(
    'consents',
    key=['contact_id', 'addresses', 'channel', 'topic', 'occurred_at', 'load_id', 'row_hash'],
    defaults={'topic': "'*'", 'basis': "'declared_source'", 'evidence': "'record'"},
    faults=[('contact_id is null and coalesce(len(addresses), 0) = 0', 'neither contact_id nor addresses are there')],
    changed_at=none,
    optional=['occurred_at'],
    words={'action': ['unasked']},
) }}
