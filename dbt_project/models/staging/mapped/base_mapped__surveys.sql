{{ mapped(
    'surveys',
    key=['submission_id'],
    seen_at='submitted_at',
    defaults={'is_deleted': 'false', 'updated_at': 'typed_submitted_at'},
) }}
