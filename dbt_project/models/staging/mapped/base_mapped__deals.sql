{{ mapped('deals') }}
