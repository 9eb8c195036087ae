"""Faults on demand: what goes wrong, for which requests, and how often.

A rule is counted for every request that it matches, fires for some of them, and shows its counts,
so that a test can say "the third page, twice" and check that it happened.
"""

import asyncio
import json
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from sandbox import hubspot, klaviyo
from sandbox.calls import Call, Calls
from sandbox.changes import CHANGES, BadChange, Changes, check
from sandbox.clock import LAST_INSTANT, parse_instant
from sandbox.limits import Limit
from sandbox.store import Store

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

KINDS = {
    "status": {
        *("code", "retry_after", "retry_after_as_date", "policy", "scopes", "message"),
        "applied",
    },
    "delay": {"seconds", "applied"},
    "hang": {"applied"},
    "half": {"code"},
    "trickle": {"seconds"},
    "reset": set(),
    "truncate": set(),
    "html": set(),
    "empty": set(),
    "wrong_envelope": set(),
    "nan": set(),
    "half_letter": set(),
    "key_twice": set(),
    "refuse": {"holds", "code"},
    "duplicate_page": set(),
    "missing_page": set(),
    "repeat_cursor": set(),
    "next_link": {"host", "scheme"},
    "property_gone": {"name", "since"},
    "mutate": {"record", "changes"},
}
SETTINGS: dict[str, Any] = {
    "hubspot_search_lag_seconds": 0.0,
    "hubspot_associations_page": 500,
    # How late a change to a list shows, and how often Klaviyo may be called.
    "lists_delay_seconds": 0.0,
    "klaviyo_limits_documented": False,
    # What no vendor documents of writing to lists: either answer can be had.
    "hubspot_archived_ids": "missing",
    "hubspot_merged_ids": "missing",
    "hubspot_most_ids": 0,
    "hubspot_most_ids_status": 400,
    "klaviyo_unknown_ids": "refuse",
    "klaviyo_deleted_ids": "refuse",
    "klaviyo_merged_ids": "refuse",
    "klaviyo_refusal_status": 400,
}
CHOICES = {
    "hubspot_archived_ids": ("missing", "added"),
    "hubspot_merged_ids": ("missing", "successor", "as_given"),
    "klaviyo_unknown_ids": ("refuse", "ignore"),
    "klaviyo_deleted_ids": ("refuse", "ignore"),
    "klaviyo_merged_ids": ("refuse", "ignore", "follow"),
}
# Rules whose answers tell their readers what they hold; any other leaves it open.
WHOLE = {"delay", "trickle", "mutate", "duplicate_page"}
# Of 423 and 477 HubSpot publishes the status and the header, not the body.
HUBSPOT_CATEGORIES = {400: "VALIDATION_ERROR", 404: "OBJECT_NOT_FOUND", 429: "RATE_LIMITS"}
KLAVIYO_ERRORS = {
    400: ("invalid", "Invalid input."),
    403: ("permission_denied", "You do not have permission to perform this action."),
    429: ("throttled", "Request was throttled."),
}
RECORDS = ("results", "data", "events")  # where HubSpot and Klaviyo keep the records of a page


class BadRule(ValueError):
    """A rule that cannot be understood."""


@dataclass
class Rule:
    """One fault.

    Attributes:
        path: regular expression, searched in ``/path?query`` with percent signs decoded.
        method: GET, POST, ... or None for any.
        after: how many matching requests pass before the first one that fails.
        times: how many fail then; None means all.
        do: the kind and its settings.
        matched: requests that matched so far.
        fired: requests that failed so far.
    """

    path: str
    method: str | None
    after: int
    times: int | None
    do: dict[str, Any]
    matched: int = 0
    fired: int = 0
    previous: list[Any] = field(default_factory=list)

    @classmethod
    def parse(cls, given: Any) -> "Rule":
        """Check a rule and return it.

        Raises:
            BadRule: it has unknown parts, or a part has the wrong form.
        """
        if not isinstance(given, dict) or not isinstance(given.get("do"), dict):
            raise BadRule('a rule looks like {"match": {"path": ...}, "do": {"kind": ...}}')
        do, match = given["do"], given.get("match", {})
        kind = do.get("kind")
        if kind not in KINDS:
            raise BadRule(f"kind {kind!r} is unknown; there are {', '.join(KINDS)}")
        unknown = [
            *(set(given) - {"match", "after", "times", "do", "matched", "fired"}),
            *(set(match) - {"method", "path"}),
            *(set(do) - {"kind"} - KINDS[kind]),
        ]
        if unknown:
            raise BadRule(f"unknown in a rule of kind {kind}: {', '.join(sorted(unknown))}")
        after, times = given.get("after", 0), given.get("times", 1)
        _check_numbers(kind, do, after, times)
        try:
            re.compile(match.get("path", ""))
        except re.error as problem:
            raise BadRule(f"path is no regular expression: {problem}") from None
        if kind == "mutate":
            _check_changes(do)
        if kind == "property_gone":
            _check_property(do)
        return cls(
            match.get("path", ""),
            match.get("method"),
            after,
            times,
            do,
        )

    def shown(self) -> dict[str, Any]:
        """Return the rule with its counts, as GET shows it."""
        return {
            "match": {"method": self.method, "path": self.path},
            "after": self.after,
            "times": self.times,
            "do": self.do,
            "matched": self.matched,
            "fired": self.fired,
        }

    def counts(self, method: str, target: str) -> bool:
        """Count a request if it matches, and return whether it does."""
        hit = self.method in (None, method) and re.search(self.path, target) is not None
        self.matched += hit
        return hit

    def fires(self) -> bool:
        """Return whether the request just counted is one that fails."""
        within = self.times is None or self.fired < self.times
        return self.matched > self.after and within


class Script:
    """The rules in force, the changes made, and the settings: limits, search lag, page of ties."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.changes = Changes(store)
        self.calls = Calls()
        self.rules: list[Rule] = []
        self.settings: dict[str, Any] = {}
        self.limits: dict[str, Limit] = {}
        self._windows: dict[tuple[int, int], Limit] = {}
        self.clear()

    def clear(self) -> None:
        """Forget every rule, take back every change, and be generous again."""
        self.rules = []
        self.settings.update(SETTINGS)
        self.limits.update(hubspot=Limit(100_000, 10), klaviyo=Limit(100_000, 1))
        self._windows.clear()
        self.changes.undo()

    def forget_calls(self) -> None:
        """Forget the record of calls, and take back what they wrote, and every change."""
        self.calls.forget()
        self.changes.undo(with_calls=True)

    def window(self, requests: int, seconds: int) -> Limit:
        """Return the one limit of so many requests in so many seconds."""
        return self._windows.setdefault((requests, seconds), Limit(requests, seconds))

    def add(self, given: Any) -> None:
        """Take a list of rules beside those in force; nothing is taken back.

        Raises:
            BadRule: something in it is not understood; the old script stays.
        """
        if not isinstance(given, list):
            raise BadRule("a list of rules is expected")
        self.rules = [*self.rules, *map(Rule.parse, given)]

    def replace(self, given: Any) -> None:
        """Take a list of rules, or an object with ``rules`` and settings, instead of the old.

        Changes are taken back, as by `clear`: whoever wants both makes them after the rules.

        Raises:
            BadRule: something in it is not understood; the old script stays.
        """
        given = {"rules": given} if isinstance(given, list) else given
        known = {"rules", "limits", *SETTINGS}
        if not isinstance(given, dict) or set(given) - known:
            raise BadRule(f"a list of rules, or an object of {', '.join(sorted(known))}")
        rules = [Rule.parse(rule) for rule in given.get("rules", [])]
        try:
            limits = {name: Limit(**limit) for name, limit in given.get("limits", {}).items()}
            settings = {
                name: type(default)(given.get(name, default)) for name, default in SETTINGS.items()
            }
            for name, choices in CHOICES.items():
                if settings[name] not in choices:
                    raise ValueError(f"{name} is one of {', '.join(choices)}")
        except (TypeError, ValueError, AttributeError) as problem:
            raise BadRule(str(problem)) from None
        if set(limits) - {"hubspot", "klaviyo"}:
            raise BadRule("limits are for hubspot and klaviyo")
        self.clear()
        self.rules = rules
        self.limits.update(limits)
        self.settings.update(settings)

    def shown(self) -> dict[str, Any]:
        """Return rules and settings, as GET shows them."""
        return {
            "rules": [rule.shown() for rule in self.rules],
            "limits": {
                name: {
                    "requests": limit.requests,
                    "seconds": limit.seconds,
                    "retry_after": limit.retry_after,
                }
                for name, limit in self.limits.items()
            },
            **self.settings,
        }

    def match(self, method: str, target: str) -> tuple[Rule | None, list[Rule]]:
        """Count a request; return the rule that fires, and those that must see the page."""
        matching = [rule for rule in self.rules if rule.counts(method, target)]
        firing = next((rule for rule in matching if rule.fires()), None)
        if firing:
            firing.fired += 1
        return firing, [rule for rule in matching if rule.do["kind"] == "duplicate_page"]


class Faults:
    """The ASGI layer around the vendors that does what the script says."""

    def __init__(self, app: App, script: Script) -> None:
        self.app = app
        self.script = script

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, well or badly."""
        vendor = scope.get("path", "").split("/")[1:2]
        if scope["type"] != "http" or vendor not in (["hubspot"], ["klaviyo"]):
            await self.app(scope, receive, send)
            return
        target = scope["path"] + "?" + unquote(scope["query_string"].decode())
        rule, watching = self.script.match(scope["method"], target)
        kind = rule.do["kind"] if rule else None
        call = self.script.calls.begin(vendor[0], scope["method"], target.removesuffix("?"))
        call.fault = kind
        watched = _Watched(send, self.script.calls, call)
        if rule is None and not watching:
            await self.app(scope, receive, watched)
        elif rule and kind in ("status", "hang", "delay"):
            await self._late_or_never(scope, receive, watched, rule)
        elif rule and kind == "half":
            await self._half(scope, receive, watched, rule)
        elif rule and kind == "refuse":
            await self._refused(scope, receive, watched, rule)
        else:
            await self._changed(scope, receive, watched, rule, watching)

    async def _late_or_never(
        self, scope: Message, receive: Receive, send: Send, rule: Rule
    ) -> None:
        """Answer late, with an error or not at all; carry the request out before if told to."""
        kind, done = rule.do["kind"], None
        if rule.do.get("applied"):
            _, receive = await _kept(receive)
            done = await _captured(self.app, scope, receive)
        if kind == "status":
            await _status(scope["path"].split("/")[1], rule.do)(scope, receive, send)
        elif kind == "hang":
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await asyncio.sleep(rule.do["seconds"])
            if done is None:
                await self.app(scope, receive, send)
            else:
                await send(done[0])
                await send({"type": "http.response.body", "body": done[1]})

    async def _half(self, scope: Message, receive: Receive, send: Send, rule: Rule) -> None:
        """Carry out the first half of a batch, and refuse it."""
        asked, receive = await _kept(receive)
        half = {
            name: each[: (len(each) + 1) // 2] if isinstance(each, list) else each
            for name, each in json.loads(asked).items()
        }
        given = [json.dumps(half).encode()]

        async def halved() -> Message:
            body = {"type": "http.request", "body": given.pop(), "more_body": False}
            return body if given == [] else await receive()

        await _captured(self.app, scope, halved)
        do = {"code": rule.do.get("code", 500)}
        await _status(scope["path"].split("/")[1], do)(scope, receive, send)

    async def _refused(
        self, scope: Message, receive: Receive, send: "_Watched", rule: Rule
    ) -> None:
        """Refuse a request that asks about something, alone or among others; answer any other."""
        asked, receive = await _kept(receive)
        target = scope["path"] + "?" + unquote(scope["query_string"].decode())
        if rule.do["holds"] in asked.decode() or rule.do["holds"] in target:
            answer = _status(scope["path"].split("/")[1], {"code": rule.do.get("code", 400)})
            await answer(scope, receive, send)
        else:
            rule.fired -= 1
            send.call.fault = None
            await self.app(scope, receive, send)

    async def _changed(
        self, scope: Message, receive: Receive, send: Send, rule: Rule | None, watching: list[Rule]
    ) -> None:
        """Let the vendor answer, then change the answer."""
        asked, receive = await _kept(receive)
        start, body = await _captured(self.app, scope, receive)
        kind = rule.do["kind"] if rule else ""
        if kind == "html":
            start["status"] = 200
            start["headers"] = [(b"content-type", b"text/html; charset=utf-8")]
            body = b"<!doctype html><title>Just a moment</title><p>We will be back soon.</p>"
        elif kind == "empty":
            body = b""
        elif kind == "truncate":
            body = body[: len(body) * 2 // 3]
        elif start["status"] in (200, 207):
            page = json.loads(body)
            if rule:
                self._change(page, rule, scope, asked)
            for watcher in watching:
                watcher.previous = _records(page)[1]
            body = _written(page, key_twice=kind == "key_twice")
        start["headers"] = [pair for pair in start["headers"] if pair[0] != b"content-length"]
        start["headers"].append((b"content-length", str(len(body)).encode()))
        await self._sent(send, start, body, rule)

    async def _sent(self, send: Send, start: Message, body: bytes, rule: Rule | None) -> None:
        """Send an answer whole, in drops, or the half of it."""
        kind = rule.do["kind"] if rule else ""
        if kind == "reset":
            if half := body[: len(body) // 2]:  # where there is no body, no answer comes at all
                await send(start)
                await send({"type": "http.response.body", "body": half, "more_body": True})
            await _reset(send)
            return
        await send(start)
        if rule and kind == "trickle":
            for place in range(len(body)):
                await asyncio.sleep(rule.do["seconds"])
                piece = {"body": body[place : place + 1], "more_body": True}
                await send({"type": "http.response.body", **piece})
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": "http.response.body", "body": body})

    def _change(self, page: dict[str, Any], rule: Rule, scope: Message, asked: bytes) -> None:
        """Change a page in place; `mutate` changes the store behind it instead."""
        name, records = _records(page)
        kind = rule.do["kind"]
        if kind == "wrong_envelope":
            page["items"] = page.pop(name)
        elif kind == "nan" and records:
            first = records[0]
            first.get("properties", first.get("attributes", first))["score"] = float("nan")
        elif kind == "half_letter" and records:
            first = records[0]
            first.get("properties", first.get("attributes", first))["note"] = "cut off \ud83d"
        elif kind == "duplicate_page":
            page[name] = rule.previous + records
        elif kind == "missing_page":
            page[name] = []
        elif kind == "repeat_cursor":
            _repeat_cursor(page, scope, asked)
        elif kind == "next_link":
            _move_next_link(page, rule.do)
        elif kind == "property_gone":
            self._forget_property(records or [page], rule.do)
        elif kind == "mutate" and records:
            self.script.changes.apply(_changes(rule.do, scope["path"], records))

    def _forget_property(self, records: list[Any], do: dict[str, Any]) -> None:
        """Leave a deleted or renamed property out, as HubSpot does: it is not even null."""
        if "since" in do and self.script.store.now() < parse_instant(do["since"]):
            return
        for record in records:
            for member in ("properties", "propertiesWithHistory"):
                record.get(member, {}).pop(do["name"], None)


def _check_property(do: dict[str, Any]) -> None:
    """Check which property is gone, and since when.

    Raises:
        BadRule: it has no name, or the instant is none.
    """
    if not isinstance(do.get("name"), str):
        raise BadRule("property_gone needs the name of a property")
    try:
        parse_instant(do.get("since", LAST_INSTANT))
    except (ValueError, TypeError) as problem:
        raise BadRule(f"since: {problem}") from None


def _check_numbers(kind: str, do: dict[str, Any], after: Any, times: Any) -> None:
    """Check the numbers of a rule.

    Raises:
        BadRule: one is out of its bounds.
    """
    if kind == "refuse" and not (isinstance(do.get("holds"), str) and do["holds"]):
        raise BadRule("refuse needs what a refused request holds")
    if kind == "status" and do.get("code") not in range(400, 600):
        raise BadRule("a status needs a code from 400 to 599")
    if kind == "half" and do.get("code", 500) not in range(400, 600):
        raise BadRule("a half-refused batch needs a code from 400 to 599")
    if not isinstance(do.get("applied", False), bool):
        raise BadRule("applied is true or false")
    if kind == "status" and not isinstance(do.get("scopes", []), list):
        raise BadRule("scopes is a list of names")
    if not isinstance(after, int) or after < 0:
        raise BadRule("after is a number of requests")
    if times is not None and (not isinstance(times, int) or times < 1):
        raise BadRule("times is a number of requests, or null for all")
    if kind in ("delay", "trickle") and not isinstance(do.get("seconds"), int | float):
        raise BadRule(f"{kind} needs seconds")


def _check_changes(do: dict[str, Any]) -> None:
    """Check what a mutation does.

    Raises:
        BadRule: a change is of no known form.
    """
    try:
        for change in _changes(do, "/hubspot/contacts", [{"id": ""}]):
            check(change)
    except (BadChange, TypeError) as problem:
        raise BadRule(str(problem)) from None


def _changes(do: dict[str, Any], path: str, records: list[Any]) -> list[dict[str, Any]]:
    """Return what a mutation does; ``$first`` and ``$last`` stand for records of the page."""
    default = {"change": "modify", "id": f"${do.get('record', 'first')}"}
    collection = _collection(path, records)
    text = json.dumps(do.get("changes", [default]))
    for name, record in (("$first", records[0]), ("$last", records[-1])):
        record_id = record.get("id", record.get("from", {}).get("id"))  # a tie has its start's
        text = text.replace(json.dumps(name), json.dumps(record_id))
    return [
        {"collection": collection, **change} if _needs_collection(change) else change
        for change in json.loads(text)
    ]


def _needs_collection(change: Any) -> bool:
    """Return whether a change is about a record, and does not say of which collection."""
    known = isinstance(change, dict) and change.get("change") in CHANGES
    return known and "collection" in CHANGES[change["change"]][1]


def _collection(path: str, records: list[Any]) -> str:
    """Return the collection that a page shows."""
    vendor = path.split("/")[1]
    if "type" in records[0] and vendor == "klaviyo":
        return f"klaviyo/{records[0]['type']}"
    found = re.search(r"/(?:objects|associations)/2026-09/([a-z_]+)", path)
    found = found or re.search(r"/([a-z_]+)(?:/2026-09)?/?\Z", path)
    return f"hubspot/{found[1] if found else ''}"


def _status(vendor: str, do: dict[str, Any]) -> Any:
    """Return an error response in the vendor's style."""
    code, scopes = do["code"], do.get("scopes", [])
    message = do.get("message", f"scripted fault {code}")
    if vendor == "klaviyo":
        name, title = KLAVIYO_ERRORS.get(code, ("error", "Scripted fault"))
        words = f"The API key lacks the required scopes: {', '.join(scopes)}."
        answer = klaviyo.error(code, name, title, words if scopes else message)
    elif scopes:
        answer = hubspot.missing_scopes(scopes)
    elif "policy" in do:
        answer = hubspot.limit_reached(do["policy"])
    else:
        answer = hubspot.error(code, message, HUBSPOT_CATEGORIES.get(code, "INTERNAL_ERROR"))
    if "retry_after" in do:
        wait = do["retry_after"]
        dated = do.get("retry_after_as_date", False)
        answer.headers["retry-after"] = (
            formatdate(time.time() + wait, usegmt=True) if dated else str(wait)
        )
    return answer


async def _kept(receive: Receive) -> tuple[bytes, Receive]:
    """Read the body of a request; return it, and a `receive` that gives it once more."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return body, again


async def _captured(app: App, scope: Message, receive: Receive) -> tuple[Message, bytes]:
    start: Message = {}
    pieces: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message, headers=list(message.get("headers", [])))
        else:
            pieces.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start, b"".join(pieces)


class _Watched:
    """A `send` that notes for the record what was answered."""

    def __init__(self, send: Send, calls: Calls, call: Call) -> None:
        self.send = send
        self.calls = calls
        self.call = call

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.call.status = message["status"]
        await self.send(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            is_whole = self.call.fault in (None, *WHOLE)
            self.calls.end(self.call, is_whole=is_whole)


async def _reset(send: Any) -> None:
    """End the connection with a TCP reset, as a failing proxy does."""
    cycle = getattr(send.send, "__self__", None)
    if cycle is None or not hasattr(cycle, "transport"):
        raise RuntimeError("a reset needs a real connection: serve the sandbox with uvicorn")
    await asyncio.sleep(0.05)  # so that the first half is on its way
    connection = cycle.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cycle.transport.abort()
    await asyncio.sleep(0.05)


def _written(page: dict[str, Any], *, key_twice: bool) -> bytes:
    """Return the page as JSON; half a letter escaped, and if told so, one key of a record twice."""
    body, first = (
        json.dumps(each, ensure_ascii=False).encode("utf-8", "backslashreplace")
        for each in (page, next(iter(_records(page)[1]), None))
    )
    if key_twice and first.startswith(b"{"):
        return body.replace(first, b'{"mark": 1, "mark": 2, ' + first[1:], 1)
    return body


def _records(page: dict[str, Any]) -> tuple[str, list[Any]]:
    name = next((name for name in RECORDS if isinstance(page.get(name), list)), "results")
    return name, page.get(name, [])


def _repeat_cursor(page: dict[str, Any], scope: Message, asked: bytes) -> None:
    """Let the next page be this page."""
    if "links" in page:
        page["links"]["next"] = page["links"]["self"]
    elif "paging" in page:
        query = dict(parse_qsl(scope["query_string"].decode()))
        sent = json.loads(asked) if asked else query  # a search says where it is in its body
        page["paging"]["next"]["after"] = sent.get("after", "0")
    elif "hasMore" in page:
        query = dict(parse_qsl(scope["query_string"].decode()))
        page |= {"hasMore": True, "offset": query.get("offset", "0.0")}


def _move_next_link(page: dict[str, Any], do: dict[str, Any]) -> None:
    """Point the next link to another host or scheme."""
    following = page.get("links") or page.get("paging", {}).get("next") or {}
    for name in ("next", "link"):
        if name in following:
            parts = urlsplit(following[name])
            following[name] = urlunsplit(
                parts._replace(
                    scheme=do.get("scheme", parts.scheme), netloc=do.get("host", parts.netloc)
                )
            )
