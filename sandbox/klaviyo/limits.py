"""How often Klaviyo lets an account call: fixed windows of a second and of a minute, per kind.

Source: the descriptions of the endpoints in Klaviyo's API description, revision 2026-07-15. The
numbers of adding to a list and of removing from it are kept as one: the stricter reading.
"""

import re
from functools import cache

SECOND, MINUTE, DAY = 1, 60, 86_400
# Method, path, name, and how many per window in seconds. The first that fits counts.
DOCUMENTED: tuple[tuple[str, str, str, tuple[tuple[int, int], ...]], ...] = (
    (
        "POST|DELETE",
        r"/lists/[^/]+/relationships/profiles\Z",
        "membership writes",
        ((10, SECOND), (150, MINUTE)),
    ),
    ("POST", r"/lists\Z", "list creation", ((10, SECOND), (150, MINUTE), (150, DAY))),
    ("GET", r"/lists/[^/]+/flow-triggers\Z", "flow triggers", ((3, SECOND), (60, MINUTE))),
    ("GET", r"/flows/[^/]+\Z", "one flow", ((3, SECOND), (60, MINUTE))),
    ("GET", r"/flows\Z", "flows", ((3, SECOND), (60, MINUTE))),
    ("POST", r"/data-privacy-deletion-jobs\Z", "deletion jobs", ((3, SECOND), (60, MINUTE))),
    ("GET", r"/lists/[^/]+\?.*profile_count", "list size", ((1, SECOND), (15, MINUTE))),
    (
        "GET",
        r"/lists/[^/]+/(?:relationships/)?profiles\Z",
        "members",
        ((75, SECOND), (750, MINUTE)),
    ),
    ("GET", r"/lists(?:/[^/]+)?\Z", "lists", ((75, SECOND), (750, MINUTE))),
    ("GET", r"/profiles\Z", "profiles", ((75, SECOND), (750, MINUTE))),
)


@cache
def documented(method: str, path: str, query: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the name of the limit that a call falls under, and its windows; none for others.

    >>> documented("POST", "/klaviyo/api/lists/abc/relationships/profiles", "")
    ('membership writes', ((10, 1), (150, 60)))
    >>> documented("GET", "/klaviyo/api/events", "")
    ('', ())
    """
    for methods, pattern, name, windows in DOCUMENTED:
        target = f"{path}?{query}" if "?" in pattern.replace("(?:", "") else path
        if method in methods.split("|") and re.search(pattern, target):
            return name, windows
    return "", ()
