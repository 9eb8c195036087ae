"""Mail domains in one spelling.

Source: the `idna` library (RFC 5891, with the mapping of UTS 46 that browsers apply).
"""

import re
import unicodedata


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


_UNSEEN = re.compile(
    "[\\s\x00\x0b\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_ADDRESS = re.compile(r'(?:mailto:)?([^<>;,:()"]+@[^<>;,:()"]*[^<>;,:()".])')


def email_key(raw: str | None) -> str | None:
    """Return an address as it is compared, as the macro `email_key` of the dbt project does.

    Args:
        raw: as somebody typed it.

    Returns:
        Lower case, composed, the domain in ASCII; None for what is no address. What a firm's policy
        says of dots and tags is left to the macro.

    Example:
        >>> email_key(" <Mailto:A.Lee@B\u00fccher.Example>; ")
        'a.lee@xn--bcher-kva.example'
        >>> email_key("none") is None
        True
    """
    found = _ADDRESS.search(_UNSEEN.sub("", raw or ""))
    if found is None:
        return None
    address = unicodedata.normalize("NFC", found[1]).lower()
    mailbox, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{mailbox}@{idna_domain(domain)}"
