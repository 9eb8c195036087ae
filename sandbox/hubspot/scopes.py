"""Which scope HubSpot asks of a token for which path."""

import re

OWN_SCOPES = ("contacts", "companies", "deals", "feedback_submissions")


def required_scope(path: str) -> str:
    """Return the scope that a path needs; engagements go with the contacts.

    >>> required_scope("/hubspot/crm/objects/2026-09/deals/search")
    'crm.objects.deals.read'
    """
    if "/communication-preferences/" in path:
        return "communication_preferences.read"
    if "/marketing/" in path:
        return "marketing-email"
    if "/email/public/" in path:
        return "content"
    if "/crm/owners/" in path:
        return "crm.objects.owners.read"
    found = re.search(r"/(?:objects|associations)/2026-09/([a-z_]+)(?:/|\Z)", path)
    object_type = found[1] if found else "contacts"
    if object_type == "tickets":
        return "tickets"
    return f"crm.objects.{object_type if object_type in OWN_SCOPES else 'contacts'}.read"
