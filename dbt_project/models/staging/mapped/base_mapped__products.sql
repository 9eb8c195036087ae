{{ mapped(
    'products',
    key=['product_id'],
    defaults={'updated_at': 'cast(load_date as timestamp)'},
) }}
