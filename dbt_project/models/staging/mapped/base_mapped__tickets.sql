{{ mapped('tickets') }}
