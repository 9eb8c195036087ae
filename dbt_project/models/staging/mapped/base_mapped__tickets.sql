{{ mapped(
    'tickets',
    key=['ticket_id'],
    seen_at='opened_at',
    defaults={
        'is_deleted': 'false',
        'updated_at': 'greatest(typed_opened_at, typed_first_replied_at, typed_closed_at)',
    },
) }}
