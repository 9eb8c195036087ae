{{ mapped('surveys') }}
