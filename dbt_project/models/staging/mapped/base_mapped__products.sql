{{ mapped('products') }}
