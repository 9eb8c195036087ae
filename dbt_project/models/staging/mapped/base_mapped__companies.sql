{{ mapped('companies') }}
