"""Which scope HubSpot asks of a token for which path."""

import re

OWN_SCOPES = ("contacts", "companies", "deals", "feedback_submissions")


READS = re.compile(r"/(?:search|batch/read)\Z")  # by POST


def required_scope(path: str, method: str = "GET") -> str:
    """Return the scope that a path needs; engagements go with the contacts.

    >>> required_scope("/hubspot/crm/objects/2026-09/deals/search", "POST")
    'crm.objects.deals.read'
    >>> required_scope("/hubspot/crm/lists/2026-09/1", "DELETE")
    'crm.lists.write'
    """
    if "/crm/lists/" in path:
        return f"crm.lists.{'read' if method == 'GET' or READS.search(path) else 'write'}"
    if path.endswith("/gdpr-delete"):
        return "crm.objects.contacts.write"
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
