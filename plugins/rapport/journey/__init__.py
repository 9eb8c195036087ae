"""Customer journeys: which touches a conversion is owed to, and how sure that is."""
