{{ mapped('contacts') }}
