{{ mapped('messages') }}
