{{ mapped(
    'campaigns',
    key=['campaign_id'],
    defaults={'is_archived': 'false', 'updated_at': 'coalesce(typed_sent_at, cast(load_date as timestamp))'},
) }}
