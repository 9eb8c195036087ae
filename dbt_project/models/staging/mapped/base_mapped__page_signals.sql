{{ mapped('page_signals') }}
