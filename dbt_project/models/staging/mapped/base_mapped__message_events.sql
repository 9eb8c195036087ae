{{ mapped(
    'message_events',
    faults=[('contact_id is null and address is null', 'neither contact_id nor address is there')],
) }}
