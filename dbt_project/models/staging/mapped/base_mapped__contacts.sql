{{ mapped(
    'contacts',
    key=['contact_id'],
    defaults={
        'has_bounced': 'false', 'is_archived': 'false',
        'updated_at': 'coalesce(typed_created_at, cast(load_date as timestamp))',
        'created_at': 'coalesce(typed_updated_at, cast(load_date as timestamp))',
    },
) }}
