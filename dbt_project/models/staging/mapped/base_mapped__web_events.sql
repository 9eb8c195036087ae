{{ mapped('web_events') }}
