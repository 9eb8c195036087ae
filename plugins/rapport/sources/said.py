"""What a vendor says in the body of an error: its codes and its words, and nobody's data.

Of HubSpot's envelope ``category``, ``subCategory``, ``errorType``, ``policyName``, ``message`` and
the same of its ``errors``; of JSON:API's ``errors`` (Klaviyo) ``code``, ``title``, ``detail`` and
``source``. Words quote what was asked or stored, so whatever may be a value is masked: rather a
word too many than a customer in a log.
"""

import html
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from requests import Response

MASK = "…"
LONGEST_READ = 4_000  # of a message: looking for values takes longer than a long one is
LONGEST_WORDS = 240
LONGEST_TEXT = 480
MOST_ERRORS = 3
MOST_SCOPES = 10
LEAST_ECHO = 3

_CODE = re.compile(r"[A-Za-z][A-Za-z_.:-]{1,79}")
_POINTER = re.compile(r"/?[A-Za-z][A-Za-z_/\[\].-]{0,79}")
_SCOPE = re.compile(r"[a-z][a-z_-]*(?:[.:][a-z_-]+)*")
_SCOPES_IN_WORDS = re.compile(
    r"requires (?:any|all|one) of \[([^\]]*)\]|\b([a-z][a-z-]*:(?:read|write|full))\b"
)
_LISTS_OF_SCOPES = ("requiredGranularScopes", "requiredScopes", "missingScopes")
_ECHOED = ("id", "value", "values", "highValue", "inputs")

_VALUES = re.compile(
    r"""
    (?P<url>https?://)(?:[^\s/?#]*@)?(?P<place>[^\s?#"'<>)\]]*)(?:[?#][^\s"'<>)\]]*)?
    # quoted, or from a quote on; an apostrophe within a word is none
    | (?<!\w)(?:"[^"]*(?:"|$) | '.*?(?:'(?!\w)|$) | `[^`]*(?:`|$))
    # in the quotes of other languages, some of which open with what others close with
    | [“”„‟«»「『].*?(?:[“”‟«»」』](?!\w)|$)
    | (?<!\w)[\u2018-\u201b\u2039\u203a].*?(?:[\u2018-\u201b\u2039\u203a](?!\w)|$)
    | [^\s"'<>(\[{=:,;]*(?:@|%40)\S*                 # an address
    | \+?\(?\d[\d\s().\-/]{4,}\d                     # a number to call, a date
    | (?<![\w-])(?=[\w-]*\d)[\w-]{6,}                # a token, a key, an id
    | \d{4,}
    | \b(?!HubSpot\b|OAuth\b)(?=\w*[a-z])\w+[A-Z]\w*  # an id of mixed letters
    | [A-Za-z_-]{32,}
    | \S*[^\x00-\x7f…]\S*                            # vendors speak English, customers may not
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Said:
    """What a vendor said.

    Attributes:
        text: its codes and masked words, of bounded length; empty where it said nothing.
        missing_scopes: the scopes that it says are needed.
        policies: names of the limits that it says are met.
    """

    text: str = ""
    missing_scopes: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return f" (it said {self.text})" if self.text else ""


def said(response: Response) -> Said:
    """Return what an answer that is an error says; nothing if it is not in a vendor's envelope."""
    try:
        body = json.loads(response.content)
    except ValueError:
        return Said()
    return said_in(body, _echoed(response))


def said_in(body: Any, echoed: Collection[str] = ()) -> Said:
    """Return what the parsed body of an error, or a list of errors in one, says.

    Args:
        body: of any shape.
        echoed: what was asked for, which is masked wherever it stands.
    """
    found = list(_errors(body))
    texts = [text for error in found if (text := _text(error, echoed))]
    return Said(
        "; ".join(dict.fromkeys(texts))[:LONGEST_TEXT],
        tuple(dict.fromkeys(scope for error in found for scope in _scopes(error)))[:MOST_SCOPES],
        tuple(code for error in found if (code := _code(error.get("policyName")))),
    )


def masked(text: str, echoed: Collection[str] = ()) -> str:
    """Return a sentence without the values in it.

    >>> masked('No contact "Ada" with ada@example.com, +44 20 7946 0018')
    'No contact … with … …'
    """
    text = html.unescape(text[:LONGEST_READ])
    for value in sorted(echoed, key=len, reverse=True):
        if len(value) >= LEAST_ECHO:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", MASK, text, flags=re.IGNORECASE)
    text = _VALUES.sub(
        lambda hit: f"{hit['url']}{_place(hit['place'])}" if hit["url"] else MASK, text
    )
    return " ".join(text.split())[:LONGEST_WORDS]


def _place(place: str) -> str:
    host, _, path = place.partition("/")
    return host + "".join(
        f"/{part if _CODE.fullmatch(part) else MASK}" for part in path.split("/") if part
    )


def _errors(body: Any) -> Iterator[Mapping[str, Any]]:
    """Yield an envelope and the errors in it."""
    if isinstance(body, Mapping):
        yield body
        inner = body.get("errors")
    else:
        inner = body
    for error in (inner if isinstance(inner, list) else [])[:MOST_ERRORS]:
        if isinstance(error, Mapping):
            yield error


def _text(error: Mapping[str, Any], echoed: Collection[str]) -> str:
    names = ("category", "subCategory", "errorType", "policyName", "code")
    codes = "/".join(dict.fromkeys(code for name in names if (code := _code(error.get(name)))))
    words = " ".join(
        masked(each, echoed)
        for name in ("message", "title", "detail")
        if isinstance(each := error.get(name), str)
    )
    source = error.get("source")
    for name in ("pointer", "parameter"):
        place = source.get(name) if isinstance(source, Mapping) else None
        if isinstance(place, str) and _POINTER.fullmatch(place):
            words += f" at {place}"
    return ": ".join(part for part in (codes, words.strip()) if part)


def _code(value: Any) -> str:
    return value if isinstance(value, str) and _CODE.fullmatch(value) else ""


def _scopes(error: Mapping[str, Any]) -> Iterator[str]:
    context = error.get("context")
    for holder in (error, context if isinstance(context, Mapping) else {}):
        for name in _LISTS_OF_SCOPES:
            listed = holder.get(name)
            for scope in listed if isinstance(listed, list) else []:
                if isinstance(scope, str) and _SCOPE.fullmatch(scope):
                    yield scope
    for name in ("message", "detail"):
        for listed, scope in _SCOPES_IN_WORDS.findall(str(error.get(name) or "")[:LONGEST_READ]):
            for each in (listed or scope).split(","):
                if _SCOPE.fullmatch(each.strip()):
                    yield each.strip()


def _echoed(response: Response) -> set[str]:
    """Return the values that a request held: ids, addresses, what a filter asks for."""
    request = response.request
    values = {value for _, value in parse_qsl(urlsplit(str(request.url)).query)}
    if isinstance(request.body, str | bytes):
        with suppress(ValueError):
            _collect(json.loads(request.body), False, values)
    return values


def _collect(asked: Any, is_value: bool, values: set[str]) -> None:
    if isinstance(asked, Mapping):
        for name, each in asked.items():
            _collect(each, name in _ECHOED, values)
    elif isinstance(asked, list):
        for each in asked:
            _collect(each, is_value, values)
    elif is_value:
        values.add(str(asked))
