{{ mapped(
    'engagements',
    key=['engagement_type', 'engagement_id'],
    seen_at='occurred_at',
    defaults={'is_deleted': 'false', 'updated_at': 'cast(load_date as timestamp)'},
) }}
