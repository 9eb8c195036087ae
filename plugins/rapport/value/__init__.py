"""What a customer is worth: how often they will order, and for how much (DOMAIN.md, Value)."""
