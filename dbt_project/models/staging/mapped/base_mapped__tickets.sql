{{ mapped(
    'tickets',
    key=['ticket_id'],
    seen_at='opened_at',
    defaults={
        'is_deleted': 'false',
        'updated_at': 'cast(load_date as timestamp)',
    },
) }}
