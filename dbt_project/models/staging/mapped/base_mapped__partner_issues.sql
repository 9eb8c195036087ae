{{ mapped(
    'partner_issues',
    key=['issue_id'],
    seen_at='opened_at',
    defaults={'updated_at': 'greatest(typed_opened_at, typed_first_answered_at, typed_closed_at)'},
) }}
