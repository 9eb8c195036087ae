{{ mapped('engagements') }}
