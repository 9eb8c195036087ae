{{ mapped(
    'page_signals',
    key=['page_id', 'signal', 'signal_date'],
    seen_at='cast(signal_date as timestamp)',
    defaults={'updated_at': 'cast(typed_signal_date as timestamp)'},
) }}
