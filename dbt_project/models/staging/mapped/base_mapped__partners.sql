{{ mapped('partners') }}
