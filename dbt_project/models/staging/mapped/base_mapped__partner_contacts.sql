{{ mapped('partner_contacts') }}
