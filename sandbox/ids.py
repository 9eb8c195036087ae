"""Ids such as Klaviyo gives: the same for the same thing, in every build."""

from sandbox.people import draw


def ulid(*about: object) -> str:
    """Return an id such as Klaviyo gives profiles and messages."""
    return "01" + code(*about, length=24, letters="0123456789ABCDEFGHJKMNPQRSTVWXYZ")


def code(
    *about: object,
    length: int,
    letters: str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789",
) -> str:
    """Return a short id such as Klaviyo gives the other things."""
    number = draw(*about) << 64 | draw("more", *about)
    base = len(letters)
    return "".join(letters[number // base**place % base] for place in range(length))
