{{ mapped(
    'companies',
    key=['company_id'],
    defaults={
        'is_deleted': 'false',
        'updated_at': 'coalesce(typed_created_at, cast(load_date as timestamp))',
        'created_at': 'coalesce(typed_updated_at, cast(load_date as timestamp))',
    },
) }}
