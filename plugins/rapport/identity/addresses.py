"""Mail domains in one spelling.

Source: the `idna` library (RFC 5891, with the mapping of UTS 46 that browsers apply).
"""


def idna_domain(domain: str) -> str:
    """Return a domain in its ASCII form, or as it is when it has none.

    Args:
        domain: in any script, lower case.

    Example:
        >>> idna_domain("b\u00fccher.example")
        'xn--bcher-kva.example'
        >>> idna_domain("not a domain")
        'not a domain'
    """
    import idna  # its tables take a moment, and most domains are ASCII

    try:
        return idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return domain
