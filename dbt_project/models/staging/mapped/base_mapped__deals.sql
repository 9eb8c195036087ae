{{ mapped(
    'deals',
    key=['deal_id'],
    seen_at='opened_at',
    defaults={
        'is_deleted': 'false',
        'is_closed': 'typed_closed_at is not null or coalesce(typed_is_won, false)',
        'is_won': 'false',
        'updated_at': 'cast(load_date as timestamp)',
    },
) }}
