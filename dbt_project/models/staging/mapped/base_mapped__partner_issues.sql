{{ mapped('partner_issues') }}
