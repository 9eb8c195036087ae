"""JSON read strictly, where what is wrong with one record costs that record.

A key that comes twice and a number that is none (NaN) are refused: which of two values is meant,
nobody can say. Inside a record of a list they mark the record, which then lands with the refusals;
anywhere else they refuse the answer. Half of a character, as a cut-off emoji leaves it, costs the
character.

orjson reads what has none of that, several times as fast as a parser that looks at every key. It
refuses all of it but two things, which are counted: a key that comes twice, and a whole number
beyond 64 bits, which it rounds. Whatever is doubtful is read slowly.
"""

import json
import math
import re
from typing import Any

import orjson

# The member that says what is wrong with a record; whatever else the record says is doubtful.
FLAW = "rapport:flaw"
TWICE = "an object has one key twice"
# Halves of a pair of surrogates, escaped or in bytes.
_HALF = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
    rb"|\xed[\xa0-\xbf]"
)
_KEY_END, _BLANKS = b'":', b" \t\r\n"
# A blank, a quote or a colon that is escaped by its number: an answer written anew has it plain.
_BY_NUMBER = re.compile(rb"\\u00(?:20|22|3[aA])")
_DIGITS = bytes.maketrans(b"123456789", b"0" * 9)
_LONG = b"0" * 19  # the largest of 64 bits has so many digits
_LONG_NUMBER = re.compile(rb"[\s:,\[]-?[0-9]{19}")


def read(content: bytes) -> Any:
    """Return what an answer says.

    Args:
        content: the answer's body.

    Returns:
        The answer, in which a record with a fault has a member `FLAW`; whoever needs it later takes
        it from here, as the body still holds the fault.

    Raises:
        ValueError: it is no JSON, or has a fault outside of its lists of records.
    """
    try:
        body = orjson.loads(content)
        if _is_all(content, body):
            return body
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter if it is too deep
        pass
    return _read_slowly(content)


def _is_all(content: bytes, body: Any) -> bool:
    """Whether what was read holds every key and every digit of an answer.

    What looks like the end of a key occurs equally often in the answer and in the same written
    anew, also within strings; a key that was dropped is missing there.
    """
    return (
        _key_ends(content) == _key_ends(orjson.dumps(body))
        and not _BY_NUMBER.search(content)
        and not (_LONG in content.translate(_DIGITS) and _LONG_NUMBER.search(content))
    )


def _key_ends(text: bytes) -> int:
    return text.translate(None, _BLANKS).count(_KEY_END)


def _read_slowly(content: bytes) -> Any:
    is_flawed = False

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_flawed
        record = dict(found)
        if len(record) != len(found):
            is_flawed = True
            record[FLAW] = TWICE
        return record

    def constant(name: str) -> dict[str, str]:
        nonlocal is_flawed
        is_flawed = True
        return {FLAW: f"{name} is not JSON"}

    def number(digits: str) -> float | dict[str, str]:
        read = float(digits)
        return constant("a number beyond all measure") if math.isinf(read) else read

    is_broken = _HALF.search(content) is not None
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
    except UnicodeDecodeError:
        text, is_broken = content.decode("utf-8", "replace"), True
    body = json.loads(text, parse_constant=constant, parse_float=number, object_pairs_hook=pairs)
    if is_broken:
        body = _whole_letters(body)
    if is_flawed:
        _mark_records(body)
    return body


def _mark_records(body: Any) -> None:
    """Move every fault inside a record of a list up to the record.

    Raises:
        ValueError: there is one elsewhere.
    """
    lists = [each for each in body.values() if isinstance(each, list)] if _is_object(body) else []
    for records in lists:
        for record in filter(_is_object, records):
            if flaw := _take_flaws(record):
                record[FLAW] = flaw
    for name, value in body.items() if _is_object(body) else [("", body)]:
        if name == FLAW:
            raise ValueError(value)
        if isinstance(value, list) and all(map(_is_object, value)):
            continue
        if flaw := _take_flaws({name: value}):
            raise ValueError(flaw)


def _take_flaws(value: Any) -> str | None:
    """Take the marks out of a value; return what one of them says."""
    taken: str | None = None
    if isinstance(value, dict):
        taken = value.pop(FLAW, None)
        for name, each in value.items():
            if isinstance(each, dict) and set(each) == {FLAW}:  # a number that is none
                taken = taken or each[FLAW]
                value[name] = None
            else:
                taken = _take_flaws(each) or taken
    elif isinstance(value, list):
        for each in value:
            taken = _take_flaws(each) or taken
    return taken


def _whole_letters(value: Any) -> Any:
    """Return a value in which every half of a character is a question mark."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_whole_letters(name): _whole_letters(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_whole_letters(each) for each in value]
    return value


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)
