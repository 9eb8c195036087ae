{{ mapped(
    'preferences',
    key=['contact_id'],
    defaults={'updated_at': 'coalesce(typed_preferences_updated_at, cast(load_date as timestamp))'},
) }}
