{{ mapped(
    'message_events',
    key=['event_id'],
    seen_at='occurred_at',
    defaults={'channel': "'email'"},
    faults=[('contact_id is null and address is null', 'neither contact_id nor address is there')],
    changed_at='occurred_at',
) }}
