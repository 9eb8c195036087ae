"""Telephone numbers in one spelling.

Source: the `phonenumbers` library, a port of Google's libphonenumber; E.164 is the ITU's
international form, a plus sign and at most 15 digits.
"""


def e164(raw: str | None, region: str | None) -> str | None:
    """Return a telephone number in E.164, or ``None`` when it cannot be one.

    It needs a possible length, not an assigned range: an old number can be read before it is
    known what became of it (see ``is_valid_number``).

    Args:
        raw: as somebody typed it, digits of any script.
        region: ISO 3166-1 alpha-2 country of numbers written without a country code;
            ``None`` or an unknown one leaves only international numbers readable.

    Example:
        >>> e164("(202) 555-0123", "US")
        '+12025550123'
        >>> e164("+44 7700 900123", None)
        '+447700900123'
        >>> e164("none of your business", "US") is None
        True
    """
    import phonenumbers  # its tables take a moment, and most of Rapport never needs them

    try:
        number = phonenumbers.parse(raw or "", region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_valid_number(number: str) -> bool:
    """Return whether a number in E.164 lies in a range that its country has assigned today.

    Example:
        >>> is_valid_number("+12025550123")
        True
        >>> is_valid_number("+841681234567")  # a Vietnamese mobile before 2018
        False
    """
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return False
