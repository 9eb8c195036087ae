"""JSON read strictly, where what is wrong with one record costs that record.

A key that comes twice and a number that is none (NaN) are refused: which of two values is meant,
nobody can say. Inside a record of a list they mark the record, which then lands with the refusals;
anywhere else they refuse the answer. Half of a character, as a cut-off emoji leaves it, costs the
character.
"""

import json
import re
from typing import Any

# The member that says what is wrong with a record; whatever else the record says is doubtful.
FLAW = "rapport:flaw"
TWICE = "an object has one key twice"
# Halves of a pair of surrogates, escaped or in bytes.
_HALF = re.compile(
    rb"\\u[dD][89abAB]..(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
    rb"|\xed[\xa0-\xbf]"
)


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

    is_broken = _HALF.search(content) is not None
    try:
        text = content.decode(json.detect_encoding(content), "surrogatepass")
    except UnicodeDecodeError:
        text, is_broken = content.decode("utf-8", "replace"), True
    body = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
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
