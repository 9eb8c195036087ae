{{ mapped(
    'messages',
    key=['message_id'],
    defaults={'is_variation': 'false', 'sent_by': "'campaign'"},
    changed_at=none,
) }}
