{{ mapped(
    'web_events',
    key=['event_id'],
    seen_at='occurred_at',
    defaults={'channel': "'web'"},
    changed_at='occurred_at',
) }}
