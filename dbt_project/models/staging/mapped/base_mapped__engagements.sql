{{ mapped(
    'engagements',
    key=['engagement_type', 'engagement_id'],
    seen_at='occurred_at',
    defaults={'is_deleted': 'false', 'updated_at': 'greatest(typed_occurred_at, typed_completed_at)'},
) }}
