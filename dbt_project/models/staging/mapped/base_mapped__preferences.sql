{{ mapped('preferences') }}
