{{ mapped(
    'staff',
    key=['owner_id'],
    defaults={
        'has_left': 'false',
        'updated_at': 'coalesce(typed_created_at, cast(load_date as timestamp))',
    },
) }}
