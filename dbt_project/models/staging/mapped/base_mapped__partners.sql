{{ mapped(
    'partners',
    key=['partner_id'],
    defaults={'updated_at': 'cast(load_date as timestamp)'},
) }}
