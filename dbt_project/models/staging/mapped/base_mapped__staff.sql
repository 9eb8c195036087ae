{{ mapped('staff') }}
