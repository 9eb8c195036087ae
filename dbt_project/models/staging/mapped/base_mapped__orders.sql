{{ mapped(
    'orders',
    faults=[
        ("not regexp_full_match(currency_code, '[A-Z]{3}')", 'currency_code is not an ISO 4217 code'),
        ('ordered_at > updated_at + interval 1 day', 'ordered_at is more than a day after updated_at'),
    ],
) }}
