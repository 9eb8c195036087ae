{{ mapped('campaigns') }}
