{{ mapped(
    'partner_contacts',
    key=['partner_contact_id'],
    seen_at='occurred_at',
    defaults={'updated_at': 'typed_occurred_at'},
) }}
